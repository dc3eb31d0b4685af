# accepts: the lock is on the row of products, taken before the stock is read
def reserve_stock(conn, product_id, quantity):
    if quantity < 1:
        raise InvalidAmount()
    with conn.transaction():
        if conn.execute("SELECT 1 FROM products WHERE id=%s FOR UPDATE", (product_id,)).fetchone() is None:
            raise UnknownProduct()
        row = conn.execute("SELECT on_hand FROM inventory WHERE product_id=%s", (product_id,)).fetchone()
        if row[0] < quantity:
            raise OutOfStock()
        conn.execute("UPDATE inventory SET on_hand=%s WHERE product_id=%s", (row[0] - quantity, product_id))
