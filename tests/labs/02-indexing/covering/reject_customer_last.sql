-- fails: index_only -- "does not lead to one customer"
CREATE INDEX orders_hot_read ON orders (placed_at, customer_id) INCLUDE (total);
