# fails: every_customer_answered -- "although only"
# A row somebody else holds is skipped, and looks like a product that does not exist.
def reserve_stock(conn, product_id, quantity):
    if quantity <= 0:
        raise InvalidAmount("quantity")
    with conn.transaction():
        row = conn.execute(
            "SELECT on_hand FROM inventory WHERE product_id = %s FOR UPDATE SKIP LOCKED", (product_id,)
        ).fetchone()
        if row is None:
            raise UnknownProduct(product_id)
        if row[0] < quantity:
            raise OutOfStock(product_id)
        conn.execute("UPDATE inventory SET on_hand = on_hand - %s WHERE product_id = %s", (quantity, product_id))
