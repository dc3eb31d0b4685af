# fails: counts -- "recorded by two processes in turn"
# Every view a key of its own, numbered by a counter that each process has for itself.
number = 0


def record_view(redis, product_id, customer_id):
    global number
    number += 1
    redis.hset("views", number, f"{product_id} {customer_id}")


def flush_views(conn, redis):
    while True:
        try:
            redis.renamenx("views", "views:aside")
        except RedisError:
            pass
        gathered = redis.hgetall("views:aside")
        if not gathered:
            return
        rows = {}
        for n in sorted(gathered, key=int):
            product, customer = map(int, gathered[n].split())
            rows[product] = (rows.get(product, (0, 0))[0] + 1, customer)
        with conn.transaction():
            for product, (count, customer) in rows.items():
                conn.execute(
                    "INSERT INTO product_views VALUES (%s, %s, %s) ON CONFLICT (product_id) DO UPDATE "
                    "SET views = product_views.views + excluded.views, last_customer = excluded.last_customer",
                    (product, count, customer),
                )
        redis.delete("views:aside")
