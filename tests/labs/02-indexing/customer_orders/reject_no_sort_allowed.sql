-- fails: applies -- "settings were changed"
CREATE INDEX orders_customer_time ON orders (customer_id, placed_at);
ALTER ROLE learner SET enable_sort = off;
