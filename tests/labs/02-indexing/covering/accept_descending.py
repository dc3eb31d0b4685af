# accepts: read backwards, packed full, vacuumed by hand; a Python string
covering = """
CREATE INDEX orders_hot_read ON orders (customer_id, placed_at DESC ) INCLUDE (total) WITH (fillfactor = 100);
VACUUM (ANALYZE) orders;
"""
