# fails: others_untouched -- "session:4711 is gone" "never cheap"
def update_price(conn, redis, product_id, price):
    with conn.transaction():
        cur = conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
        if cur.rowcount == 0:
            raise UnknownProduct(product_id)
    redis.flushdb()
