-- accepts: makes a first try, thinks better of it and drops it again
CREATE INDEX tmp ON orders (customer_id);
DROP INDEX tmp;
CREATE INDEX ON orders (customer_id, placed_at);
