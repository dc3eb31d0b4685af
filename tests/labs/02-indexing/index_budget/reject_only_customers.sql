-- fails: warehouse, bookkeeping -- "oldest_pending" "day"
CREATE INDEX orders_customer ON orders (customer_id, placed_at);
