# fails: no_stale_entry -- "whoever reads afterwards is told" "whoever comes last"
# Right beside any reader; two writers reach Redis in the other order.
def update_price(conn, redis, product_id, price):
    with conn.transaction():
        row = conn.execute(
            "UPDATE products SET price = %s WHERE id = %s RETURNING id, name, price", (price, product_id)
        ).fetchone()
    if row is None:
        raise UnknownProduct(product_id)
    redis.set(entry_key(product_id), encode_entry(*row), ex=300)
