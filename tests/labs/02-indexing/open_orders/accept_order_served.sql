-- accepts: a partial index sorted by time
CREATE INDEX orders_waiting ON orders (placed_at) WHERE status = 'pending';
