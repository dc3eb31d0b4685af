# fails: recovers -- "the second call needs no statement" "gives Redis up for good"
redis_works = True


def get_with_fallback(conn, redis, product_id):
    global redis_works
    key, cached = f"product:v2:{product_id}", None
    if redis_works:
        try:
            cached = redis.get(key)
        except RedisError:
            redis_works = False
    if cached:
        product = json.loads(cached)
        return {**product, "price": Decimal(product["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    product = {"id": row[0], "name": row[1], "price": row[2]}
    if redis_works:
        try:
            redis.set(key, json.dumps(product, default=str), ex=300)
        except RedisError:
            redis_works = False
    return product
