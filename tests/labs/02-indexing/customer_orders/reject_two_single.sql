-- fails: no_sort, pages_bounded -- "sort of"
CREATE INDEX orders_customer ON orders (customer_id);
CREATE INDEX orders_time ON orders (placed_at);
