# fails: right_product -- "'id': "
# Who asks for product 7 knows its number, but whoever gets the dict may not.
def get_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    cached = redis.hgetall(key)
    if cached:
        return {"name": cached[b"name"].decode(), "price": Decimal(cached[b"price"].decode())}
    row = conn.execute("SELECT name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        return None
    with redis.pipeline() as pipe:
        pipe.hset(key, mapping={"name": row[0], "price": str(row[1])})
        pipe.expire(key, 600 + random.randint(0, 120))
        pipe.execute()
    return {"name": row[0], "price": row[1]}
