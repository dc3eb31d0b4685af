-- fails: cheap -- "at both sizes"
CREATE INDEX order_items_product ON order_items USING brin (product_id);
