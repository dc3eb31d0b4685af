-- fails: index_only -- "one column missing"
CREATE INDEX orders_customer_time ON orders (customer_id, placed_at);
