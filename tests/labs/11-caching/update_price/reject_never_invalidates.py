# fails: entry_follows -- "a reader is told 12.50" "has to tell it"
def update_price(conn, redis, product_id, price):
    with conn.transaction():
        conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
