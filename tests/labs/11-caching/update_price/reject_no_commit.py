# fails: writes -- "still open"
def update_price(conn, redis, product_id, price):
    conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
    redis.delete(f"product:{product_id}")
