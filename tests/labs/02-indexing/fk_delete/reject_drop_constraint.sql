-- fails: applies -- "was altered"
ALTER TABLE order_items DROP CONSTRAINT order_items_product_id_fkey;
ALTER TABLE inventory DROP CONSTRAINT inventory_product_id_fkey;
