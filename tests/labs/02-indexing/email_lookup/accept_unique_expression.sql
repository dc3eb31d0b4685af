-- accepts: a unique index on the expression, built beside the running shop
CREATE UNIQUE INDEX CONCURRENTLY customers_email_lower ON customers (lower(email));
ANALYZE customers;
