# fails: others_go_on -- "had to wait for" "queue of everybody"
def reserve_stock(conn, product_id, quantity):
    if quantity <= 0:
        raise InvalidAmount("quantity")
    with conn.transaction():
        conn.execute("LOCK TABLE inventory IN SHARE ROW EXCLUSIVE MODE")
        row = conn.execute("SELECT on_hand FROM inventory WHERE product_id = %s", (product_id,)).fetchone()
        if row is None:
            raise UnknownProduct(product_id)
        if row[0] < quantity:
            raise OutOfStock(product_id)
        conn.execute("UPDATE inventory SET on_hand = %s WHERE product_id = %s", (row[0] - quantity, product_id))
