# fails: writes -- "the caller hears" "nobody pays"
def update_price(conn, redis, product_id, price):
    try:
        with conn.transaction():
            cur = conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
            if cur.rowcount == 0:
                raise UnknownProduct(product_id)
    except psycopg.Error as problem:
        print("could not update:", problem)
        return
    redis.delete(f"product:{product_id}")
