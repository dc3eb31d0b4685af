-- fails: one_index -- "the one that forbids also finds"
CREATE INDEX customers_email_lower ON customers (lower(email));
CREATE UNIQUE INDEX customers_email_unique ON customers (lower(email));
