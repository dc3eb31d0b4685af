-- fails: warehouse -- "pages"
CREATE INDEX orders_customer ON orders (customer_id, placed_at);
CREATE INDEX orders_pending ON orders (id) WHERE status = 'pending';
CREATE INDEX orders_time ON orders (placed_at);
