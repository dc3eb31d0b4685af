-- fails: one_index -- "a second index on it"
CREATE INDEX order_items_product ON order_items (product_id);
CREATE INDEX inventory_product ON inventory (product_id);
