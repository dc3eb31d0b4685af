-- fails: pages_bounded -- "thrown away"
CREATE INDEX orders_time_customer ON orders (placed_at DESC, customer_id);
