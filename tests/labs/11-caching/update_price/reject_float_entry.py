# fails: entry_follows -- "no price at all"
# Right for prices that are whole in binary; 12.57 is not.
def update_price(conn, redis, product_id, price):
    with redis.lock(f"lock:price:{product_id}", timeout=30):
        with conn.transaction():
            row = conn.execute(
                "UPDATE products SET price = %s WHERE id = %s RETURNING name", (price, product_id)
            ).fetchone()
            if row is None:
                raise UnknownProduct(product_id)
        entry = {"id": product_id, "name": row[0], "price": float(price)}
        redis.set(entry_key(product_id), json.dumps(entry), ex=300)
