# fails: later_insert_is_seen -- "asked for every 50 seconds since" "makes young again"
# Every question makes the marker young again: what robots and customers keep asking for is never looked up.
NOTHING = b"-"


def find_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    cached = redis.get(key)
    if cached == NOTHING:
        redis.expire(key, 120)
        return None
    if cached:
        product = json.loads(cached)
        return {**product, "price": Decimal(product["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        redis.set(key, NOTHING, ex=120)
        return None
    product = {"id": row[0], "name": row[1], "price": row[2]}
    redis.set(key, json.dumps(product, default=str), ex=600 + random.randint(0, 60))
    return product
