-- fails: lean -- "belongs in INCLUDE" "a key of customer_id, placed_at, total"
CREATE INDEX orders_hot_read ON orders (customer_id, placed_at, total);
