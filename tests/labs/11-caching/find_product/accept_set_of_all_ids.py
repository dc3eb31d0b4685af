# accepts: the set of all ids that exist, loaded with one query and renewed every three minutes, tells what is not there
def find_product(conn, redis, product_id):
    key = f"prod:v1:{product_id}"
    with redis.pipeline() as pipe:
        cached, known, there = pipe.get(key).exists("prod:ids").sismember("prod:ids", product_id).execute()
    if cached is not None:
        name, price = json.loads(cached)
        return {"id": product_id, "name": name, "price": Decimal(price)}
    if not known:
        ids = [id for (id,) in conn.execute("SELECT id FROM products")]
        with redis.pipeline() as pipe:
            pipe.sadd("prod:ids", *ids)
            pipe.expire("prod:ids", 180)
            pipe.execute()
        there = product_id in ids
    if not there:
        return None
    row = conn.execute("SELECT name, price::text FROM products WHERE id = %s", [product_id]).fetchone()
    if row is None:
        return None
    redis.set(key, json.dumps(row), ex=140 + random.randrange(40))
    return {"id": product_id, "name": row[0], "price": Decimal(row[1])}
