-- fails: no_sort, pages_bounded -- "means NULLS FIRST"
CREATE INDEX orders_newest ON orders (customer_id, placed_at DESC NULLS LAST);
