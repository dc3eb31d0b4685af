# accepts: a reader of its own with slots and no repr, leases as in the shop's; the writer looks at the row first
class Product:
    __slots__ = ("id", "name", "price")

    def __init__(self, id, name, price):
        self.id, self.name, self.price = id, name, price


FILL = "if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'EX', 300) end return 1"


def get_product(conn, redis, product_id):
    entry, lease = f"own:{product_id}", f"own:{product_id}:lease"
    found = redis.get(entry)
    if found:
        name, _, price = found.decode().rpartition("|")
        return Product(product_id, name, Decimal(price))
    token = uuid.uuid4().hex
    redis.set(lease, token, ex=30)
    row = conn.execute("SELECT name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    conn.rollback()
    if row is None:
        return None
    redis.eval(FILL, 2, entry, lease, token, f"{row[0]}|{row[1]}")
    return Product(product_id, *row)


def update_price(conn, redis, product_id, price):
    with conn.transaction():
        if not conn.execute("SELECT 1 FROM products WHERE id = %s FOR UPDATE", (product_id,)).fetchone():
            raise LookupError(f"no product {product_id}")
        conn.execute("UPDATE products SET price = %s WHERE id = %s", (price, product_id))
    redis.delete(f"own:{product_id}", f"own:{product_id}:lease")
