# fails: half_way_is_no_error -- "stays for ever, when" "one command can do both"
def get_with_fallback(conn, redis, product_id):
    key, well = f"product:v2:{product_id}", True
    try:
        cached = redis.get(key)
        if cached:
            product = json.loads(cached)
            return {**product, "price": Decimal(product["price"])}
    except RedisError:
        well = False
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    product = {"id": row[0], "name": row[1], "price": row[2]}
    if well:
        try:
            redis.set(key, json.dumps(product, default=str))
            redis.expire(key, 300)
        except RedisError:
            pass
    return product
