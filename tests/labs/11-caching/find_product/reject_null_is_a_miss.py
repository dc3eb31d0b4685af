# fails: absence_is_remembered -- "queries" "unknown id"
# Stores "null", and takes it for nothing when it comes back.
def find_product(conn, redis, product_id):
    key = f"product:v2:{product_id}"
    product = json.loads(redis.get(key) or "null")
    if not product:
        row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
        product = {"id": row[0], "name": row[1], "price": str(row[2])} if row else None
        redis.set(key, json.dumps(product), ex=60)
    return product and {**product, "price": Decimal(product["price"])}
