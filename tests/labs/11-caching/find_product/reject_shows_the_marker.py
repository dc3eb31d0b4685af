# fails: right_product -- "None, or UnknownProduct" "no caller may ever see it"
def find_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    cached = redis.get(key)
    if cached:
        found = json.loads(cached)
        return {**found, "price": Decimal(found["price"])} if "price" in found else found
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    product = {"id": row[0], "name": row[1], "price": str(row[2])} if row else {"missing": True}
    redis.set(key, json.dumps(product), ex=60)
    return {**product, "price": row[2]} if row else None
