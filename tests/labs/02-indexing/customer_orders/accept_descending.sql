-- accepts: a descending key, read forwards
CREATE INDEX orders_newest_first ON orders (customer_id, placed_at DESC);
