-- fails: used -- "implies the index's predicate"
CREATE INDEX orders_waiting ON orders (placed_at) WHERE lower(status) = 'pending';
