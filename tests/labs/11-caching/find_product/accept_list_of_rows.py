# accepts: caches the list of rows the query gave, which may be empty
def find_product(conn, redis, product_id):
    key = "rows:" + str(product_id)
    cached = redis.get(key)
    rows = json.loads(cached) if cached is not None else None
    if rows is None:
        rows = conn.execute("SELECT id, name, price::text FROM products WHERE id = %s", (product_id,)).fetchall()
        redis.set(key, json.dumps(rows), ex=240)
    for id, name, price in rows:
        return {"id": id, "name": name, "price": Decimal(price)}
    return None
