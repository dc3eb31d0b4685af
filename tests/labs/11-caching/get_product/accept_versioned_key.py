# accepts: the version is part of the key; JSON with the price as text; jitter added to the lifetime
VERSION = 3


def get_product(conn, redis, product_id):
    key = f"product:v{VERSION}:{product_id}"
    cached = redis.get(key)
    if cached is not None:
        data = json.loads(cached)
        data["price"] = Decimal(data["price"])
        return data
    row = conn.execute("SELECT id, sku, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        return None
    data = dict(zip(("id", "sku", "name", "price"), row))
    redis.set(key, json.dumps(data, default=str), ex=300 + random.randint(0, 60))
    return data
