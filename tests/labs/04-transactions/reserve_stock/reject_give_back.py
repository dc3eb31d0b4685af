# fails: never_oversold -- "below zero" "second transaction"
# Takes, commits, and gives back what was too much.
def reserve_stock(conn, product_id, quantity):
    if quantity < 1:
        raise InvalidAmount()
    row = conn.execute(
        "UPDATE inventory SET on_hand = on_hand - %s WHERE product_id=%s RETURNING on_hand",
        (quantity, product_id),
    ).fetchone()
    conn.commit()
    if row is None:
        raise UnknownProduct()
    if row[0] < 0:
        conn.execute(
            "UPDATE inventory SET on_hand = on_hand + %s WHERE product_id=%s", (quantity, product_id)
        )
        conn.commit()
        raise OutOfStock()
