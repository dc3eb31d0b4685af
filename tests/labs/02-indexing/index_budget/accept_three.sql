-- accepts: three plain indexes
CREATE INDEX orders_customer ON orders (customer_id, placed_at DESC);
CREATE INDEX orders_status ON orders (status, placed_at);
CREATE INDEX orders_time ON orders (placed_at);
