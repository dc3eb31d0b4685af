# fails: no_stale_entry -- "whoever reads afterwards is told 10.29" "holds what was read first"
# Deletes after the commit, as the book says; its reader fills what it read before.
def get_product(conn, redis, product_id):
    raw = redis.get(f"product:{product_id}")
    if raw:
        found = json.loads(raw)
        return {**found, "price": Decimal(found["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    product = {"id": row[0], "name": row[1], "price": row[2]}
    redis.set(f"product:{product_id}", json.dumps(product, default=str), ex=300)
    return product


def update_price(conn, redis, product_id, price):
    cur = conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
    if cur.rowcount == 0:
        raise UnknownProduct(product_id)
    conn.commit()
    redis.delete(f"product:{product_id}")
