-- fails: no_index -- "costs every write"
CREATE STATISTICS orders_places ON shipping_city, shipping_postcode FROM orders;
CREATE INDEX orders_place ON orders (shipping_city, shipping_postcode);
ANALYZE orders;
