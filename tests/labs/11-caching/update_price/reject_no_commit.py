# fails: writes -- "still open"
def update_price(conn, redis, product_id, price):
    cur = conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
    if cur.rowcount == 0:
        raise UnknownProduct(product_id)
    redis.delete(f"product:{product_id}")
