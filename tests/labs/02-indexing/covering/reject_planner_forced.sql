-- fails: applies -- "settings were changed"
CREATE INDEX orders_hot_read ON orders (customer_id, placed_at) INCLUDE (total);
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_bitmapscan = off', current_database()); END $$;
