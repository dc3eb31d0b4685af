-- fails: warehouse -- "few and spread over all times"
CREATE INDEX orders_customer ON orders (customer_id, placed_at);
CREATE INDEX orders_time ON orders (placed_at, status);
