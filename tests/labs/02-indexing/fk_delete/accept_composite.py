# accepts: a wider index that begins with the column and serves other questions too
fk_delete = "create index order_items_product_order on order_items (product_id, order_id) include (quantity); analyze order_items"
