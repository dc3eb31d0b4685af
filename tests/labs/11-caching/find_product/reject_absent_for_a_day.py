# fails: memory_is_bounded, later_insert_is_seen -- "things are left" "inserted 5 minutes ago"
# One lifetime for everything.
def find_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    cached = redis.get(key)
    if cached is None:
        row = conn.execute("SELECT id, name, price::text FROM products WHERE id = %s", (product_id,)).fetchone()
        cached = json.dumps(row)
        redis.set(key, cached, ex=86_400)
    row = json.loads(cached)
    if row is None:
        return None
    return {"id": row[0], "name": row[1], "price": Decimal(row[2])}
