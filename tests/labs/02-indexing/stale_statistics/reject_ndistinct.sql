-- fails: estimates_right -- "rows expected"
CREATE STATISTICS orders_places (ndistinct) ON shipping_city, shipping_postcode FROM orders;
ANALYZE orders;
