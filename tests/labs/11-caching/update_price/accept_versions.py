# accepts: writes through, with a reader of its own; entries carry the row's version and an older one never replaces a newer
PUT = """
local old = redis.call('HGET', KEYS[1], 'version')
if old and tonumber(old) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'name', ARGV[2], 'price', ARGV[3])
redis.call('EXPIRE', KEYS[1], 300)
return 1
"""


def put(redis, product_id, version, name, price):
    redis.eval(PUT, 1, f"p:{product_id}", version, name, str(price))


def get_product(conn, redis, product_id):
    found = redis.hgetall(f"p:{product_id}")
    if found:
        return {"id": product_id, "name": found[b"name"].decode(), "price": Decimal(found[b"price"].decode())}
    row = conn.execute("SELECT version, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    conn.commit()
    if row is None:
        return None
    put(redis, product_id, *row)
    return {"id": product_id, "name": row[1], "price": row[2]}


def update_price(conn, redis, product_id, price):
    sql = "UPDATE products SET price = %s, version = version + 1 WHERE id = %s RETURNING version, name, price"
    with conn.cursor() as cur:
        row = cur.execute(sql, (price, product_id)).fetchone()
    if row is None:
        raise UnknownProduct(product_id)
    conn.commit()
    put(redis, product_id, *row)
