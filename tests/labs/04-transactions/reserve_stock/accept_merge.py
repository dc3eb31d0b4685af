# accepts: MERGE, which looks at the row again when it had to wait
def reserve_stock(conn, product_id, quantity):
    if quantity <= 0:
        raise InvalidAmount()
    with conn.transaction():
        cur = conn.execute(
            """MERGE INTO inventory i USING (SELECT %s::bigint AS p, %s::int AS q) s ON i.product_id = s.p
            WHEN MATCHED AND i.on_hand >= s.q THEN UPDATE SET on_hand = i.on_hand - s.q""",
            (product_id, quantity),
        )
        if cur.rowcount == 0:
            if conn.execute("SELECT FROM inventory WHERE product_id=%s", (product_id,)).rowcount == 0:
                raise UnknownProduct()
            raise OutOfStock()
