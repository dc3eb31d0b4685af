-- fails: cheap -- "begins with it"
CREATE INDEX order_items_order_product ON order_items (order_id, product_id);
