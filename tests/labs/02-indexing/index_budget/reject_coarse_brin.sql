-- fails: bookkeeping -- "summarised too coarsely"
CREATE INDEX orders_customer ON orders (customer_id, placed_at);
CREATE INDEX orders_pending ON orders (placed_at) WHERE status = 'pending';
CREATE INDEX orders_time ON orders USING brin (placed_at);
