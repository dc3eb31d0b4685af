-- fails: estimates_right -- "a factor of"
CREATE STATISTICS orders_places ON shipping_country, shipping_city FROM orders;
ANALYZE orders;
