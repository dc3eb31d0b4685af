-- fails: still_refused -- "was deleted"
CREATE INDEX order_items_product ON order_items (product_id);
ALTER TABLE order_items DROP CONSTRAINT order_items_product_id_fkey;
ALTER TABLE order_items ADD CONSTRAINT order_items_product_id_fkey
    FOREIGN KEY (product_id) REFERENCES products ON DELETE CASCADE;
