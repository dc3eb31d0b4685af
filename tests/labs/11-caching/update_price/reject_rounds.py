# fails: writes -- "the row says 12.60"
def update_price(conn, redis, product_id, price):
    with conn.transaction():
        cur = conn.execute("UPDATE products SET price = %s WHERE id = %s", (f"{price:.1f}", product_id))
        if cur.rowcount == 0:
            raise UnknownProduct(product_id)
    redis.delete(f"product:{product_id}")
