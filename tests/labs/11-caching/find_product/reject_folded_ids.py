# fails: right_product -- "also after an id without product" "still two ids"
# Memory is bounded by folding the ids: products that share a number with an absent one are said to be absent too.
def find_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    cached = redis.get(key)
    if cached:
        product = json.loads(cached)
        return {**product, "price": Decimal(product["price"])}
    slot = f"absent:{product_id % 4096}"
    if redis.exists(slot):
        return None
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        redis.set(slot, 1, ex=120)
        return None
    product = {"id": row[0], "name": row[1], "price": row[2]}
    redis.set(key, json.dumps(product, default=str), ex=600 + random.randint(0, 60))
    return product
