-- accepts: a partial index that also holds the selected columns
CREATE INDEX orders_waiting ON orders (placed_at) INCLUDE (id, customer_id, total) WHERE (status)::text = 'pending';
