# accepts: ascending, read backwards, with the id as tie-break; a Python string
customer_orders = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_customer
    ON public.orders USING btree (customer_id ASC, placed_at ASC, id ASC);
ANALYZE orders;
"""
