# fails: typed_refusal -- "the call returned" "finds no row raises nothing"
def reserve_stock(conn, product_id, quantity):
    conn.execute(
        "UPDATE inventory SET on_hand = on_hand - %s WHERE product_id = %s AND on_hand >= %s AND %s > 0",
        (quantity, product_id, quantity, quantity),
    )
    conn.commit()
