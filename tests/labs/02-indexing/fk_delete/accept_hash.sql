-- accepts: a hash index, for equality is all that is asked
CREATE INDEX order_items_by_product ON order_items USING hash (product_id);
