-- accepts: every kind of statistics, over three columns
CREATE STATISTICS ON shipping_country, shipping_city, shipping_postcode FROM orders;
VACUUM ANALYZE orders;
