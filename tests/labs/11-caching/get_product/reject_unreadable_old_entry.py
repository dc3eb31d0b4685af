# fails: old_entry_is_a_miss -- "raised" "two releases share one cache"
# The new format is pickle; an entry of the old one ends the request.
import pickle


def get_product(conn, redis, product_id):
    key = f"product:{product_id}"
    raw = redis.get(key)
    if raw:
        return pickle.loads(raw)
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is None:
        return None
    redis.setex(key, random.randrange(300, 360), pickle.dumps(row))
    return row
