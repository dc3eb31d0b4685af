-- fails: applies -- "rows and now has"
DELETE FROM order_items WHERE order_id < 5000;
DELETE FROM payments WHERE order_id < 5000;
DELETE FROM orders WHERE id < 5000;
CREATE INDEX orders_customer_time ON orders (customer_id, placed_at);
