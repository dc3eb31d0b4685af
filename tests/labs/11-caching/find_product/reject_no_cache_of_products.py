# fails: known_from_cache -- "0 statements for a product" "serves nobody"
def find_product(conn, redis, product_id):
    key = f"absent:{product_id}"
    if redis.exists(key):
        return None
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        redis.setex(key, 60, 1)
        return None
    return {"id": row[0], "name": row[1], "price": row[2]}
