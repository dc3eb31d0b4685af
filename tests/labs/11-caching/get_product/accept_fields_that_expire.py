# accepts: one hash for all products of this version, each a field with an expiry of its own, set by HEXPIRE
CACHE = "products:v3"


def get_product(conn, redis, product_id):
    cached = redis.hget(CACHE, product_id)
    if cached is None:
        row = conn.execute("SELECT name, price::text FROM products WHERE id = %s", (product_id,)).fetchone()
        if row is None:
            return None
        cached = json.dumps(row)
        with redis.pipeline() as pipe:
            pipe.hset(CACHE, product_id, cached)
            pipe.hexpire(CACHE, random.randint(500, 700), product_id)
            pipe.execute()
    name, price = json.loads(cached)
    return {"id": product_id, "name": name, "price": Decimal(price)}
