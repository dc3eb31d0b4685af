-- fails: no_sort, pages_bounded -- "hands them out unordered" "pages at"
CREATE INDEX orders_customer ON orders (customer_id);
