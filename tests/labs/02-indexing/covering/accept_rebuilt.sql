-- accepts: builds the index beside the running shop and under a better name in a second step
CREATE INDEX CONCURRENTLY covering_new ON public.orders USING btree (customer_id, placed_at) INCLUDE (total);
ALTER INDEX covering_new RENAME TO orders_spent;
