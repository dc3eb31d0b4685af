-- fails: applies -- "new relation"
CREATE TABLE pending_orders AS SELECT * FROM orders WHERE status = 'pending';
CREATE INDEX ON pending_orders (placed_at);
