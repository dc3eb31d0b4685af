# accepts: an object with slots and no repr; pickle in the cache, where the key carries the version
import pickle


class Product:
    __slots__ = ("id", "name", "price")

    def __init__(self, id, name, price):
        self.id, self.name, self.price = id, name, price


def get_product(conn, redis, product_id):
    key = f"product:pickle-4:{product_id}"
    found = redis.get(key)
    if found is None:
        row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
        if row is None:
            return None
        found = pickle.dumps(row, protocol=4)
        redis.set(key, found, ex=round(random.triangular(500, 700)))
    return Product(*pickle.loads(found))
