# fails: hit_asks_nothing -- "asked by another process" "every other process still asks"
from functools import lru_cache

known = {}


def get_product(conn, redis, product_id):
    if product_id in known:
        return known[product_id]
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    if row is not None:
        known[product_id] = row
    return row
