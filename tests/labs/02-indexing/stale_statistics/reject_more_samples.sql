-- fails: estimates_right -- "a factor of"
ALTER TABLE orders ALTER COLUMN shipping_city SET STATISTICS 10000;
ALTER TABLE orders ALTER COLUMN shipping_postcode SET STATISTICS 10000;
ANALYZE orders;
