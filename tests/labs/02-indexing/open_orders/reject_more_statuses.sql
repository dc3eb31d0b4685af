-- fails: small_index, pending_only -- "of a full index"
CREATE INDEX orders_moving ON orders (placed_at) WHERE status IN ('pending', 'paid', 'shipped');
