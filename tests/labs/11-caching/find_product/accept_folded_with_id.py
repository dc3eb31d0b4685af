# accepts: 4096 places for absent ids, each says whose it is; whoever comes later to a place takes it
def find_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    slot = f"absent:{product_id % 4096}"
    cached, absent = redis.mget(key, slot)
    if cached:
        product = json.loads(cached)
        return {**product, "price": Decimal(product["price"])}
    if absent is not None and int(absent) == product_id:
        return None
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        redis.set(slot, product_id, ex=120)
        return None
    product = {"id": row[0], "name": row[1], "price": row[2]}
    redis.set(key, json.dumps(product, default=str), ex=600 + random.randint(0, 60))
    return product
