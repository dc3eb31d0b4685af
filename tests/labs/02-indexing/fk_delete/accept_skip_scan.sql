-- accepts: the column stands second, behind one of a handful of values that a scan skips through
CREATE INDEX order_items_quantity_product ON order_items (quantity, product_id);
