# fails: writes -- "another one costs 12.57 as well"
def update_price(conn, redis, product_id, price):
    known = conn.execute("SELECT 1 FROM products WHERE id = %s", (product_id,)).fetchone()
    if known is None:
        raise UnknownProduct(product_id)
    conn.execute("UPDATE products SET price = %s", (price,))
    conn.commit()
    redis.delete(entry_key(product_id))
