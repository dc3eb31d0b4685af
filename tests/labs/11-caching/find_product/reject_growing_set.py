# fails: memory_is_bounded -- "things are left" "no end of ids"
# The set has an expiry, which every unknown id pushes further away.
def find_product(conn, redis, product_id):
    if redis.sismember("absent", product_id):
        return None
    key = f"product:v2:{product_id}"
    cached = redis.get(key)
    if cached:
        product = json.loads(cached)
        return {**product, "price": Decimal(product["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        redis.sadd("absent", product_id)
        redis.expire("absent", 120)
        return None
    product = {"id": row[0], "name": row[1], "price": row[2]}
    redis.set(key, json.dumps(product, default=str), ex=600)
    return product
