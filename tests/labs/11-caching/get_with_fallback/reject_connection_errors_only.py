# fails: half_way_is_no_error -- "answered with" "every command can fail"
# Passes with the server stopped; a server that answers an error is another thing.
from redis.exceptions import ConnectionError, TimeoutError


def get_with_fallback(conn, redis, product_id):
    key, well = f"product:v2:{product_id}", True
    try:
        cached = redis.get(key)
        if cached:
            product = json.loads(cached)
            return {**product, "price": Decimal(product["price"])}
    except (ConnectionError, TimeoutError):
        well = False
    row = conn.execute("SELECT id, name, price FROM products WHERE id = %s", (product_id,)).fetchone()
    product = {"id": row[0], "name": row[1], "price": row[2]}
    try:
        if well:
            redis.set(key, json.dumps(product, default=str), ex=300)
    except (ConnectionError, TimeoutError):
        pass
    return product
