-- fails: estimates_right -- "counted by an ANALYZE"
CREATE STATISTICS orders_places ON shipping_city, shipping_postcode FROM orders;
