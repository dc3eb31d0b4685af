# fails: others_untouched -- "another product is still cached"
# Whatever is kept of product 7 is to go; so does all of product 70.
def update_price(conn, redis, product_id, price):
    with conn.transaction():
        cur = conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
        if cur.rowcount == 0:
            raise UnknownProduct(product_id)
    for key in redis.scan_iter(f"product:{product_id}*"):
        redis.delete(key)
