# fails: all_are_answered, rollback_leaves_the_cache -- "raised" "no error"
# A marker keeps readers from filling while the price changes; its own reader takes it for an entry.
def get_product(conn, redis, product_id):
    raw = redis.get(f"product:{product_id}")
    if raw:
        found = json.loads(raw)
        return {**found, "price": Decimal(found["price"])}
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s FOR SHARE", (product_id,)).fetchone()
    product = {"id": row[0], "name": row[1], "price": row[2]}
    redis.set(f"product:{product_id}", json.dumps(product, default=str), ex=300)
    conn.commit()
    return product


def update_price(conn, redis, product_id, price):
    with conn.transaction():
        cur = conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
        if cur.rowcount == 0:
            raise UnknownProduct(product_id)
        before = redis.getset(f"product:{product_id}", "busy")
    redis.delete(f"product:{product_id}")
