# accepts: one hash, each product a field with its own jittered expiry by HSETEX; the hash itself has a day, as every key must
HASH = "catalogue:v2"
def get_product(conn, redis, product_id):
    cached = redis.hget(HASH, product_id)
    if cached is None:
        row = conn.execute("SELECT name, price::text FROM products WHERE id = %s", (product_id,)).fetchone()
        if row is None:
            return None
        cached = json.dumps(row)
        with redis.pipeline() as pipe:
            pipe.hsetex(HASH, product_id, cached, ex=random.randint(500, 700))
            pipe.expire(HASH, 86400)
            pipe.execute()
    name, price = json.loads(cached)
    return {"id": product_id, "name": name, "price": Decimal(price)}
