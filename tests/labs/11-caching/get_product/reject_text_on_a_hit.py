# fails: right_product -- "asked by another process" "never what the answer is"
# Right when it comes from the database; from the cache the price is a text.
def get_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    cached = redis.get(key)
    if cached is not None:
        return json.loads(cached)
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        return None
    product = {"id": row[0], "name": row[1], "price": row[2]}
    redis.set(key, json.dumps(product, default=str), ex=600 + random.randint(0, 120))
    return product
