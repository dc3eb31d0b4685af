-- accepts: two key columns and a passenger
CREATE INDEX ON orders (customer_id, placed_at) INCLUDE (total);
