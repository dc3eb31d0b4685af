# fails: entry_follows -- "a reader is told 12.57" "has to tell it"
def update_price(conn, redis, product_id, price):
    with conn.transaction():
        cur = conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
        if cur.rowcount == 0:
            raise UnknownProduct(product_id)
