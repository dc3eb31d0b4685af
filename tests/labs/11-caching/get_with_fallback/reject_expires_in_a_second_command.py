# fails: half_way_is_no_error -- "stays for ever"
# HSET and EXPIRE in one pipeline that is no transaction, behind a breaker: where EXPIRE alone fails the key has no expiry.
class Breaker:
    def __init__(self, pause):
        self.pause, self.until, self.lock = pause, -math.inf, threading.Lock()

    def __call__(self, command, *args, **kwargs):
        if time.monotonic() < self.until:
            return None
        try:
            return command(*args, **kwargs)
        except Exception:
            with self.lock:
                self.until = time.monotonic() + self.pause
            return None


guarded = Breaker(10)


def get_with_fallback(conn, redis, product_id):
    key = f"shop:v4:{product_id}"
    fields = guarded(redis.hmget, key, "name", "price")
    try:
        name, price = fields
        return {"id": product_id, "name": name.decode(), "price": Decimal(price.decode())}
    except Exception:
        pass
    with conn.transaction():
        row = conn.execute("SELECT name, price FROM products WHERE id = %s", [product_id]).fetchone()
    if row is None:
        return None

    def fill():
        pipe = redis.pipeline(transaction=False)
        pipe.hset(key, mapping={"name": row[0], "price": str(row[1])})
        pipe.expire(key, random.randint(600, 660))
        pipe.execute()

    guarded(fill)
    return {"id": product_id, "name": row[0], "price": row[1]}
