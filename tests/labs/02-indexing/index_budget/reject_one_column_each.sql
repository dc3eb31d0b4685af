-- fails: customers, warehouse -- "hands out all of a customer's orders" "has them together"
CREATE INDEX orders_customer ON orders (customer_id);
CREATE INDEX orders_status ON orders (status);
CREATE INDEX orders_time ON orders (placed_at);
