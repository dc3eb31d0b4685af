# accepts: a lock in Redis for writers of one product, who write the new entry through before they let go; clumsy
def update_price(conn, redis, product_id, price):
    with redis.lock(f"lock:price:{product_id}", timeout=30):
        try:
            conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
            row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
            if row is None:
                raise UnknownProduct(product_id)
            conn.commit()
        except Exception:
            conn.rollback()
            raise
        redis.set(entry_key(product_id), encode_entry(*row), ex=300)
