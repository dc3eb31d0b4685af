-- fails: pages_bounded -- "thrown away"
CREATE INDEX orders_customer ON orders (customer_id);
CREATE INDEX orders_time ON orders (placed_at);
