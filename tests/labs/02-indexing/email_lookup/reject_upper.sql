-- fails: used -- "that very expression"
CREATE UNIQUE INDEX customers_email_upper ON customers (upper(email));
