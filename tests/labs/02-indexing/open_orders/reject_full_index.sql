-- fails: small_index, pending_only -- "98 entries nobody asks for"
CREATE INDEX orders_status ON orders (status, placed_at);
