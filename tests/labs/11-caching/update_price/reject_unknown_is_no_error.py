# fails: unknown_is_refused -- "returned None" "asks how many it found"
def update_price(conn, redis, product_id, price):
    with conn.transaction():
        conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
    redis.delete(entry_key(product_id))
