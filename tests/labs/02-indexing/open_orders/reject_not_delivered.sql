-- fails: small_index, pending_only -- "of a full index"
CREATE INDEX orders_unfinished ON orders (placed_at) WHERE status <> 'delivered';
