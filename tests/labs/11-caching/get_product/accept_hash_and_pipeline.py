# accepts: a Redis hash whose fields are read together, filled in one MULTI; clumsy, but nothing of it is visible
class Product:
    def __init__(self, id, name, price):
        self.id, self.name, self.price = id, name, price

    def __repr__(self):
        return f"Product(id={self.id}, name={self.name!r}, price={self.price})"


def get_product(conn, redis, product_id):
    key = f"shop:2:product#{product_id}"
    fields = redis.hgetall(key)
    if b"name" in fields and b"price" in fields:
        return Product(product_id, fields[b"name"].decode(), Decimal(fields[b"price"].decode()))
    with conn.cursor() as cur:
        cur.execute("SELECT name, price FROM products WHERE id = %s", (product_id,))
        found = cur.fetchone()
    conn.commit()
    if not found:
        return None
    with redis.pipeline() as pipe:
        pipe.hset(key, mapping={"name": found[0], "price": str(found[1])})
        pipe.pexpire(key, 900_000 + hash((product_id, "jitter")) % 200_000)
        pipe.execute()
    return Product(product_id, *found)
