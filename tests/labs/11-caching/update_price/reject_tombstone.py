# fails: no_stale_entry -- "whoever reads afterwards is told 10.29"
# After the commit a tombstone of five seconds keeps readers from filling; one who is stuck for longer puts the old price back.
def get_product(conn, redis, product_id):
    key = f"shown:{product_id}"
    found = redis.get(key)
    if found not in (None, b"gone"):
        product = json.loads(found)
        return {**product, "price": Decimal(product["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", [product_id]).fetchone()
    conn.rollback()
    if row is None:
        return None
    redis.set(key, json.dumps({"id": row[0], "name": row[1], "price": str(row[2])}), nx=True, ex=300)
    return {"id": row[0], "name": row[1], "price": row[2]}


def update_price(conn, redis, product_id, price):
    with conn.transaction():
        found = conn.execute("UPDATE products SET price = %s WHERE id = %s", [price, product_id])
        if found.rowcount == 0:
            raise UnknownProduct(product_id)
    redis.set(f"shown:{product_id}", "gone", ex=5)
