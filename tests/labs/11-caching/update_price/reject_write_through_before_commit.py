# fails: rollback_leaves_the_cache -- "refused, and a reader is told 55555.00" "cannot be taken back"
# Under the row lock writers are in order; but what is refused at the commit is already in the cache.
def update_price(conn, redis, product_id, price):
    with conn.transaction():
        row = conn.execute(
            "UPDATE products SET price = %s WHERE id = %s RETURNING id, name, price", (price, product_id)
        ).fetchone()
        if row is None:
            raise UnknownProduct(product_id)
        redis.set(entry_key(product_id), encode_entry(*row), ex=300)
