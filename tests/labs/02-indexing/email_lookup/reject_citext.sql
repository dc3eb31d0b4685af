-- fails: applies -- "customers itself was altered"
CREATE EXTENSION IF NOT EXISTS citext;
ALTER TABLE customers ALTER COLUMN email TYPE citext;
CREATE UNIQUE INDEX customers_email ON customers (email);
