-- fails: writes -- "makes each of these writes longer"
CREATE INDEX orders_customer ON orders (customer_id, placed_at) INCLUDE (id, status, total, currency, shipping_city);
CREATE INDEX orders_status ON orders (status, placed_at) INCLUDE (id, customer_id, total, currency, shipping_city);
CREATE INDEX orders_time ON orders (placed_at) INCLUDE (id, customer_id, total, status, shipping_city);
