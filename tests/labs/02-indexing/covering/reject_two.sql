-- fails: one_index -- "2:"
CREATE INDEX orders_hot_read ON orders (customer_id, placed_at) INCLUDE (total);
CREATE INDEX orders_customer ON orders (customer_id);
