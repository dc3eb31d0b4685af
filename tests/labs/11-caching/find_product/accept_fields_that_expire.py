# accepts: fields of two hashes, one of products and one of absent ids, each with an expiry of its own
def find_product(conn, redis, product_id):
    field = str(product_id)
    with redis.pipeline(transaction=False) as pipe:
        known, absent = pipe.hget("products", field).hexists("absent", field).execute()
    if known is not None:
        name, price = json.loads(known)
        return {"id": product_id, "name": name, "price": Decimal(price)}
    if absent:
        return None
    row = conn.execute("SELECT name, price::text FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        redis.hsetex("absent", field, "", ex=60)
        return None
    redis.hsetex("products", field, json.dumps(row), ex=random.randint(540, 660))
    return {"id": product_id, "name": row[0], "price": Decimal(row[1])}
