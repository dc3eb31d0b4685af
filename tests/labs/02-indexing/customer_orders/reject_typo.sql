-- fails: applies -- "does not exist"
CREATE INDEX orders_customer_time ON orders (customer, placed_at);
