# fails: miss_asks_once -- "2:" "asking twice"
def get_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    raw = redis.get(key)
    if raw is None:
        if not conn.execute("SELECT count(*) FROM products WHERE id = %s", (product_id,)).fetchone()[0]:
            raise UnknownProduct(str(product_id))
        row = conn.execute("SELECT id, name, price::text FROM products WHERE id = %s", (product_id,)).fetchone()
        raw = json.dumps(row)
        redis.set(key, raw, px=60_000 + random.randrange(10_000))
    id, name, price = json.loads(raw)
    return {"id": id, "name": name, "price": Decimal(price)}
