# accepts: optimistic: writes only if the number is still the one it read, else looks again
def reserve_stock(conn, product_id, quantity):
    if quantity <= 0:
        raise InvalidAmount("quantity")
    conn.autocommit = True
    while True:
        row = conn.execute("SELECT on_hand FROM inventory WHERE product_id = %s", [product_id]).fetchone()
        if not row:
            raise UnknownProduct(str(product_id))
        if row[0] < quantity:
            raise OutOfStock(str(row[0]))
        done = conn.execute(
            "UPDATE inventory SET on_hand = %s WHERE product_id = %s AND on_hand = %s RETURNING on_hand",
            [row[0] - quantity, product_id, row[0]],
        ).fetchone()
        if done:
            return
