# fails: hanging_costs_one_wait -- "3: GET"
# Tries three times: on a server that hangs, the caller waits three times.
def get_with_fallback(conn, redis, product_id):
    key, well, cached = f"product:v2:{product_id}", False, None
    for attempt in range(3):
        try:
            cached = redis.get(key)
            well = True
            break
        except RedisError:
            time.sleep(0.01 * 2**attempt)
    if cached:
        product = json.loads(cached)
        return {**product, "price": Decimal(product["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    product = {"id": row[0], "name": row[1], "price": row[2]}
    if well:
        try:
            redis.set(key, json.dumps(product, default=str), ex=300)
        except RedisError:
            pass
    return product
