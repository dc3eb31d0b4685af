-- fails: lean -- "what is not asked for belongs nowhere"
CREATE INDEX orders_hot_read ON orders (customer_id, placed_at) INCLUDE (total, status);
