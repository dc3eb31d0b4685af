-- fails: estimates_right -- "after they were asked for"
ANALYZE orders;
CREATE STATISTICS orders_places (dependencies) ON shipping_city, shipping_postcode FROM orders;
