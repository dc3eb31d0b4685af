# fails: takes_stock -- "all 10 pieces"
# The last piece is never sold.
def reserve_stock(conn, product_id, quantity):
    with conn.transaction():
        cur = conn.execute(
            "UPDATE inventory SET on_hand = on_hand - %s WHERE product_id = %s AND on_hand > %s",
            (quantity, product_id, quantity),
        )
        if cur.rowcount != 1:
            raise OutOfStock(product_id)
