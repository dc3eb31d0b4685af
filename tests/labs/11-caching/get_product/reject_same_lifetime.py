# fails: expiry_is_spread -- "live between 600.0 and 600.0 seconds" "run out together"
def get_product(conn, redis, product_id):
    key = f"v2:product:{product_id}"
    raw = redis.get(key)
    if raw:
        product = json.loads(raw)
        return {**product, "price": Decimal(product["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        return None
    product = {"id": row[0], "name": row[1], "price": row[2]}
    redis.set(key, json.dumps({**product, "price": str(row[2])}), ex=600)
    return product
