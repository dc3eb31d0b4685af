# fails: lives_a_while -- "again and again" "popular"
# Each hit renews the lifetime: what is asked for all the time never runs out.
def get_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    cached = redis.getex(key, ex=random.randint(3000, 3600))
    if cached:
        f = json.loads(cached)
        return {"id": f["id"], "name": f["name"], "price": Decimal(f["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", [product_id]).fetchone()
    if row is None:
        return None
    redis.set(key, json.dumps({"id": row[0], "name": row[1], "price": str(row[2])}), ex=random.randint(3000, 3600))
    return {"id": row[0], "name": row[1], "price": row[2]}
