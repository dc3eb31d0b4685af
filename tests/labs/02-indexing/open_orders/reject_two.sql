-- fails: one_index -- "2:"
CREATE INDEX orders_waiting ON orders (placed_at) WHERE status = 'pending';
CREATE INDEX orders_waiting_of ON orders (customer_id) WHERE status = 'pending';
