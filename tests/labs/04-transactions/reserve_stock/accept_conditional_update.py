# accepts: one conditional UPDATE, its row count asked
def reserve_stock(conn, product_id, quantity):
    if quantity <= 0:
        raise InvalidAmount("at least one piece")
    with conn.transaction():
        cur = conn.execute(
            "UPDATE inventory SET on_hand = on_hand - %s, updated_at = now() WHERE product_id = %s AND on_hand >= %s",
            (quantity, product_id, quantity),
        )
        if cur.rowcount == 0:
            known = conn.execute(
                "SELECT on_hand FROM inventory WHERE product_id = %s", (product_id,)
            ).fetchone()
            if known is None:
                raise UnknownProduct(product_id)
            raise OutOfStock(f"{known[0]} left")
