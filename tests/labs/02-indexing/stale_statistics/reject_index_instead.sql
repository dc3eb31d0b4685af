-- fails: estimates_right -- "factor"
CREATE INDEX orders_place ON orders (shipping_city, shipping_postcode);
ANALYZE orders;
