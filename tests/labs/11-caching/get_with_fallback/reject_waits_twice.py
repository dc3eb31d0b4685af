# fails: hanging_costs_one_wait -- "2: GET" "waits twice as long"
# Every command is guarded, and every one waits for its own timeout.
def get_with_fallback(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    try:
        cached = redis.get(key)
        if cached:
            product = json.loads(cached)
            return {**product, "price": Decimal(product["price"])}
    except RedisError:
        pass
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    product = {"id": row[0], "name": row[1], "price": row[2]}
    try:
        redis.set(key, json.dumps(product, default=str), ex=300)
    except RedisError:
        pass
    return product
