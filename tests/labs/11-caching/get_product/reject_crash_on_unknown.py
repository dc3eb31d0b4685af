# fails: right_product -- "raised TypeError" "UnknownProduct"
def get_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    raw = redis.get(key)
    if raw is None:
        row = conn.execute("SELECT id, name, price::text FROM products WHERE id = %s", (product_id,)).fetchone()
        raw = json.dumps({"id": row[0], "name": row[1], "price": row[2]})
        redis.set(key, raw, ex=60 + random.randrange(10))
    data = json.loads(raw)
    data["price"] = Decimal(data["price"])
    return data
