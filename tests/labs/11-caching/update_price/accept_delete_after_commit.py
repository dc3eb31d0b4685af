# accepts: commits, then deletes the one entry
def update_price(conn, redis, product_id, price):
    with conn.transaction():
        cur = conn.execute("UPDATE products SET price = %s, updated_at = now() WHERE id = %s", (price, product_id))
        if cur.rowcount == 0:
            raise UnknownProduct(str(product_id))
    redis.delete(f"product:{product_id}")
