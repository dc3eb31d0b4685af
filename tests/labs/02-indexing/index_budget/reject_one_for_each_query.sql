-- fails: at_most_three, writes -- "6: " "is covered by" "every insert"
CREATE INDEX q1 ON orders (customer_id, placed_at DESC);
CREATE INDEX q2 ON orders (customer_id);
CREATE INDEX q3 ON orders (customer_id, status, placed_at DESC);
CREATE INDEX q4 ON orders (status, placed_at);
CREATE INDEX q6 ON orders (placed_at) INCLUDE (id, customer_id, total);
CREATE INDEX q7 ON orders (placed_at) INCLUDE (total) WHERE status <> 'cancelled';
