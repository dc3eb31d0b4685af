-- fails: used -- "that very expression"
CREATE UNIQUE INDEX customers_email_lower ON customers (lower(email) COLLATE "C");
