# fails: caches -- "0 statements for the second call" "nothing to fall back from"
def get_with_fallback(conn, redis, product_id):
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    return {"id": row[0], "name": row[1], "price": row[2]}
