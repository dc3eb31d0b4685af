# fails: lives_a_while -- "stays for ever" "an invalidation is lost"
# Fast, right today, and it over-solves: what is cached once is cached for ever.
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
    redis.set(key, json.dumps({**product, "price": str(row[2])}))
    return product
