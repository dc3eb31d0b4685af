# accepts: never waits for a lock: is refused it, and asks again
def reserve_stock(conn, product_id, quantity):
    if quantity <= 0:
        raise InvalidAmount
    while True:
        try:
            with conn.transaction():
                row = conn.execute(
                    "SELECT on_hand FROM inventory WHERE product_id=%s FOR UPDATE NOWAIT", [product_id]
                ).fetchone()
                if row is None:
                    raise UnknownProduct
                if row[0] < quantity:
                    raise OutOfStock
                conn.execute(
                    "UPDATE inventory SET on_hand = on_hand - %s WHERE product_id=%s", [quantity, product_id]
                )
            return
        except psycopg.errors.LockNotAvailable:
            pass
