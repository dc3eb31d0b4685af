# accepts: the copy is written by a thread of its own, which the caller does not wait for
def get_with_fallback(conn, redis, product_id):
    key, well = f"product:v2:{product_id}", True
    try:
        cached = redis.get(key)
        if cached:
            product = json.loads(cached)
            return {**product, "price": Decimal(product["price"])}
    except RedisError:
        well = False
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        return None
    product = {"id": row[0], "name": row[1], "price": row[2]}

    def store():
        try:
            redis.set(key, json.dumps(product, default=str), ex=300)
        except RedisError:
            pass

    if well:
        threading.Thread(target=store, daemon=True).start()
    return product
