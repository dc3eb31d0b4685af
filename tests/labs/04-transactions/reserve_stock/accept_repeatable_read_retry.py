# accepts: REPEATABLE READ set in SQL, tried again on a serialization failure
def reserve_stock(conn, product_id, quantity):
    if quantity <= 0:
        raise InvalidAmount("quantity")
    for _ in range(20):
        try:
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            row = conn.execute("SELECT on_hand FROM inventory WHERE product_id = %s", [product_id]).fetchone()
            if row is None:
                raise UnknownProduct(product_id)
            if row[0] < quantity:
                raise OutOfStock(product_id)
            conn.execute(
                "UPDATE inventory SET on_hand = %s WHERE product_id = %s", [row[0] - quantity, product_id]
            )
            conn.commit()
            return
        except psycopg.errors.SerializationFailure:
            conn.rollback()
    raise RuntimeError("too busy")
