-- fails: applies -- "settings were changed"
CREATE STATISTICS orders_places ON shipping_city, shipping_postcode FROM orders;
ANALYZE orders;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_nestloop = off', current_database()); END $$;
