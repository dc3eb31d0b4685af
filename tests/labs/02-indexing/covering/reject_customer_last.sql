-- fails: only_what_is_asked -- "pages"
CREATE INDEX orders_hot_read ON orders (placed_at, customer_id) INCLUDE (total);
