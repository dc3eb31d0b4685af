-- accepts: a predicate that every address satisfies, with pattern operators
CREATE UNIQUE INDEX customers_email_ci ON customers (lower(email) text_pattern_ops) WHERE email IS NOT NULL;
