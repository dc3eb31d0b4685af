# accepts: a generation counter is part of the key; a writer moves it on, so fills of earlier generations are never read
def key(redis, product_id):
    generation = redis.get(f"gen:{product_id}") or b"0"
    return f"prod:{product_id}:{generation.decode()}"


def get_product(conn, redis, product_id):
    name = key(redis, product_id)
    raw = redis.get(name)
    if raw is None:
        row = conn.execute("SELECT name, price FROM products WHERE id = %s", (product_id,)).fetchone()
        conn.rollback()
        raw = json.dumps([row[0], str(row[1])])
        redis.set(name, raw, ex=120)
    title, price = json.loads(raw)
    return {"id": product_id, "name": title, "price": Decimal(price)}


def update_price(conn, redis, product_id, price):
    with conn.transaction():
        cur = conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
        if cur.rowcount == 0:
            raise UnknownProduct(product_id)
    redis.incr(f"gen:{product_id}")
