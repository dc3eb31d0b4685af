# fails: right_product -- "b'" "never what the answer is"
# What comes out of a hash is bytes, the name as well.
def get_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    name, price = redis.hmget(key, "name", "price")
    if name is not None:
        return {"id": product_id, "name": name, "price": Decimal(price.decode())}
    row = conn.execute("SELECT name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        return None
    with redis.pipeline() as pipe:
        pipe.hset(key, mapping={"name": row[0], "price": str(row[1])})
        pipe.expire(key, 600 + random.randint(0, 120))
        pipe.execute()
    return {"id": product_id, "name": row[0], "price": row[1]}
