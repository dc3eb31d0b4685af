-- fails: pending_only -- "shipped orders"
CREATE INDEX orders_moving ON orders USING brin (id) WITH (pages_per_range = 128) WHERE status IN ('pending', 'shipped');
