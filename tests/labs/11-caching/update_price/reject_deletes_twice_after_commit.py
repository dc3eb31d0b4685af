# fails: no_stale_entry -- "the row says"
# Deletes after the commit, and once more; its own reader fills without looking.
def get_product(conn, redis, product_id):
    key = f"d:{product_id}"
    if (raw := redis.get(key)) is not None:
        name, price = json.loads(raw)
        return {"id": product_id, "name": name, "price": Decimal(price)}
    row = conn.execute("SELECT name, price::text FROM products WHERE id = %s", (product_id,)).fetchone()
    conn.rollback()
    if row is None:
        return None
    redis.set(key, json.dumps(row), ex=300)
    return {"id": product_id, "name": row[0], "price": Decimal(row[1])}

def update_price(conn, redis, product_id, price):
    with conn.transaction():
        if conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id)).rowcount != 1:
            raise UnknownProduct(product_id)
    redis.delete(f"d:{product_id}")
    redis.delete(f"d:{product_id}")
