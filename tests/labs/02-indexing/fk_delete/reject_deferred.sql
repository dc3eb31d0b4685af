-- fails: cheap -- "order items"
ALTER TABLE order_items ALTER CONSTRAINT order_items_product_id_fkey DEFERRABLE INITIALLY DEFERRED;
