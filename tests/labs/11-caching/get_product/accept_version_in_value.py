# accepts: the version stands in the value, under the very key the old release used; rows as dicts; raises for unknown ids
from psycopg.rows import dict_row

FORMAT = 2
BASE_TTL = 600


def decode(raw: bytes | None) -> dict | None:
    if not raw:
        return None
    try:
        envelope = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(envelope, dict) or envelope.get("v") != FORMAT:
        return None
    product = envelope["product"]
    return {**product, "price": Decimal(product["price"])}


def get_product(conn: psycopg.Connection, redis, product_id: int) -> dict:
    key = f"product:{product_id}"
    if (hit := decode(redis.get(key))) is not None:
        return hit
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cur:
        cur.execute("SELECT id, name, price FROM products WHERE id = %s", [product_id])
        product = cur.fetchone()
    if product is None:
        raise UnknownProduct(f"no product {product_id}")
    ttl = int(BASE_TTL * random.uniform(0.9, 1.1))
    redis.setex(key, ttl, json.dumps({"v": FORMAT, "product": {**product, "price": str(product["price"])}}))
    return product
