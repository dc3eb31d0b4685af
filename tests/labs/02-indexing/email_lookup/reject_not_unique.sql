-- fails: refuses_duplicates -- "was accepted"
CREATE INDEX customers_email_lower ON customers (lower(email));
