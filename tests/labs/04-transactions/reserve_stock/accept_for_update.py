# accepts: locks the row while it looks at it
def reserve_stock(conn: psycopg.Connection, product_id: int, quantity: int) -> None:
    if quantity < 1:
        raise ValueError("quantity must be positive")
    cur = conn.cursor()
    cur.execute("SELECT on_hand FROM inventory WHERE product_id = %s FOR UPDATE", [product_id])
    row = cur.fetchone()
    if row is None:
        raise UnknownProduct("no such product")
    on_hand = row[0]
    if on_hand < quantity:
        raise OutOfStock("not enough")
    cur.execute("UPDATE inventory SET on_hand = %s WHERE product_id = %s", [on_hand - quantity, product_id])
    conn.commit()
