# fails: hit_asks_nothing -- "0 statements" "Redis was not even asked"
def get_product(conn, redis, product_id):
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    return None if row is None else {"id": row[0], "name": row[1], "price": row[2]}
