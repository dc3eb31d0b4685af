-- fails: used -- "implies"
CREATE INDEX orders_waiting ON orders (placed_at) WHERE status = 'pending' AND placed_at > '2025-01-01';
