# fails: later_insert_is_seen -- "inserted 5 minutes ago"
# The limit is the middle of the lifetimes, not their end.
NOTHING = b"-"


def find_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    cached = redis.get(key)
    if cached == NOTHING:
        return None
    if cached:
        product = json.loads(cached)
        return {**product, "price": Decimal(product["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        redis.set(key, NOTHING, ex=int(300 * random.uniform(0.9, 1.1)))
        return None
    product = {"id": row[0], "name": row[1], "price": row[2]}
    redis.set(key, json.dumps(product, default=str), ex=600 + random.randint(0, 60))
    return product
