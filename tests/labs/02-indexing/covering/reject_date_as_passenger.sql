-- fails: only_what_is_asked -- "entry by entry"
CREATE INDEX orders_hot_read ON orders (customer_id) INCLUDE (placed_at, total);
