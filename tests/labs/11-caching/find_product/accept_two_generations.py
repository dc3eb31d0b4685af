# accepts: two sets of absent ids that take turns, so that each is gone as a whole four minutes after it was begun
def find_product(conn, redis, product_id):
    turn = int(time.time() // 120)
    key = f"product:v2:{product_id}"
    cached = redis.get(key)
    if cached:
        product = json.loads(cached)
        return {**product, "price": Decimal(product["price"])}
    with redis.pipeline() as pipe:
        pipe.sismember(f"absent:{turn}", product_id).sismember(f"absent:{turn - 1}", product_id)
        if any(pipe.execute()):
            return None
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        with redis.pipeline() as pipe:
            pipe.sadd(f"absent:{turn}", product_id).expire(f"absent:{turn}", 240).execute()
        return None
    product = {"id": row[0], "name": row[1], "price": row[2]}
    redis.set(key, json.dumps(product, default=str), ex=600 + random.randint(0, 60))
    return product
