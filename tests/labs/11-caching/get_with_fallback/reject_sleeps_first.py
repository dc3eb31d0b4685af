# fails: hanging_costs_one_wait -- "after 5.1 s" "has the answer now"
# Gives Redis time to come back before it asks the database.
def get_with_fallback(conn, redis, product_id):
    key, well = f"product:v2:{product_id}", True
    try:
        cached = redis.get(key)
        if cached:
            product = json.loads(cached)
            return {**product, "price": Decimal(product["price"])}
    except RedisError:
        well = False
        time.sleep(5)
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    product = {"id": row[0], "name": row[1], "price": row[2]}
    if well:
        try:
            redis.set(key, json.dumps(product, default=str), ex=300)
        except RedisError:
            pass
    return product
