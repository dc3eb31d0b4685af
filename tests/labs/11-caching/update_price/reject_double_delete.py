# fails: rollback_leaves_the_cache -- "the price was refused, but the entry is gone"
# Deletes before and after: nobody is told an old price, and every refused update costs a miss.
def update_price(conn, redis, product_id, price):
    redis.delete(f"product:{product_id}")
    with conn.transaction():
        cur = conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
        if cur.rowcount == 0:
            raise UnknownProduct(product_id)
    redis.delete(f"product:{product_id}")
