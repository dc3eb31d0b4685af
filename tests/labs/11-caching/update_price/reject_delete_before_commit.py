# fails: no_stale_entry, rollback_leaves_the_cache -- "the row says 12.57, and whoever reads afterwards is told 10.29" "filled again from the old row" "entry is gone"
# Looks careful: both in one block. The reader comes in between.
def update_price(conn, redis, product_id, price):
    with conn.transaction():
        cur = conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
        if cur.rowcount == 0:
            raise UnknownProduct(product_id)
        redis.delete(f"product:{product_id}")
