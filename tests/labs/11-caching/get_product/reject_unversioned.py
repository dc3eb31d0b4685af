# fails: old_entry_is_a_miss -- "in cents" "two releases share one cache"
# Passes every test of one release alone.
def get_product(conn, redis, product_id):
    key = f"product:{product_id}"
    raw = redis.get(key)
    if raw:
        product = json.loads(raw)
        return {**product, "price": Decimal(str(product["price"]))}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        return None
    product = {"id": row[0], "name": row[1], "price": row[2]}
    redis.set(key, json.dumps({**product, "price": str(row[2])}), ex=600 + random.randint(0, 60))
    return product
