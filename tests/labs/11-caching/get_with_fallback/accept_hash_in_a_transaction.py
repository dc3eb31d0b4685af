# accepts: a hash, stored with its lifetime in one MULTI, so that no fault leaves half of it
def get_with_fallback(conn, redis, product_id):
    key, ok = f"h:{product_id}", True
    fields = {}
    try:
        fields = redis.hgetall(key)
    except Exception as problem:
        ok = False
        print("cache:", problem)
    if fields:
        return {"id": product_id, "name": fields[b"name"].decode(), "price": Decimal(fields[b"price"].decode())}
    cur = conn.cursor()
    cur.execute("SELECT name, price FROM products WHERE id = %s", (product_id,))
    found = cur.fetchone()
    if found is None:
        return None
    if ok:
        try:
            with redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, mapping={"name": found[0], "price": str(found[1])}).expire(key, 600).execute()
        except RedisError:
            pass
    return {"id": product_id, "name": found[0], "price": found[1]}
