-- fails: one_index -- "2 new indexes" "is covered by"
CREATE INDEX orders_customer ON orders (customer_id);
CREATE INDEX orders_customer_time ON orders (customer_id, placed_at DESC);
