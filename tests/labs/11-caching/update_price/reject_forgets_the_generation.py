# fails: no_stale_entry -- "whoever reads afterwards is told 10.29"
# The generation that keeps late readers from filling is itself forgotten after a minute: one who is held up for that long fills with the past.
FILL = """if (redis.call('GET', KEYS[2]) or '') == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'EX', 600) end return 1"""


def get_product(conn, redis, product_id):
    e, g = f"p9:{product_id}", f"g9:{product_id}"
    entry, gen = redis.mget(e, g)
    if entry is not None:
        f = json.loads(entry)
        return {**f, "price": Decimal(f["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", [product_id]).fetchone()
    conn.rollback()
    if row is None:
        return None
    redis.eval(FILL, 2, e, g, gen or "", json.dumps({"id": row[0], "name": row[1], "price": str(row[2])}))
    return {"id": row[0], "name": row[1], "price": row[2]}


def update_price(conn, redis, product_id, price):
    with conn.transaction():
        if not conn.execute("UPDATE products SET price = %s WHERE id = %s", [price, product_id]).rowcount:
            raise UnknownProduct(product_id)
    with redis.pipeline() as pipe:
        pipe.delete(f"p9:{product_id}")
        pipe.set(f"g9:{product_id}", uuid.uuid4().hex, ex=60)
        pipe.execute()
