-- fails: applies -- "settings were changed"
CREATE INDEX orders_customer_time ON orders (customer_id, placed_at);
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_sort = off', current_database()); END $$;
