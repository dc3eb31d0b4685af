# accepts: absent ids in one sorted set by the moment they are forgotten, trimmed at every miss; raises for them
ABSENT = "products:absent"


def find_product(conn, redis, product_id):
    until = redis.zscore(ABSENT, product_id)
    if until is not None and until > time.time():
        raise UnknownProduct(f"no product {product_id}")
    raw = redis.get(f"p:{product_id}")
    if raw is not None:
        name, price = json.loads(raw)
        return {"id": product_id, "name": name, "price": Decimal(price)}
    with conn.cursor() as cur:
        cur.execute("SELECT name, price FROM products WHERE id = %s", [product_id])
        row = cur.fetchone()
    conn.commit()
    if row:
        redis.setex(f"p:{product_id}", 300, json.dumps([row[0], str(row[1])]))
        return {"id": product_id, "name": row[0], "price": row[1]}
    now = time.time()
    with redis.pipeline() as pipe:
        pipe.zremrangebyscore(ABSENT, "-inf", now)
        pipe.zadd(ABSENT, {str(product_id): now + 120})
        pipe.zremrangebyrank(ABSENT, 0, -10_001)
        pipe.expire(ABSENT, 120)
        pipe.execute()
    raise UnknownProduct(f"no product {product_id}")
