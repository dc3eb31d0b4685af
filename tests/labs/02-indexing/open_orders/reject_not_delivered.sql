-- fails: small_index -- "of a full index"
CREATE INDEX orders_unfinished ON orders (placed_at) WHERE status <> 'delivered';
