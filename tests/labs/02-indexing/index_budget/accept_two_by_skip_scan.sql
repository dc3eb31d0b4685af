-- accepts: two indexes; a query about time alone skips from status to status
CREATE INDEX ON orders (customer_id, placed_at);
CREATE INDEX ON orders (status, placed_at);
