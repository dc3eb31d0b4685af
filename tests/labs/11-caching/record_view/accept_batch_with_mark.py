# accepts: a list, renamed aside with the batch's id in its name; the id is written in the transaction, so nothing is lost or doubled
MAX_LOSS = 0
GATHERED, ASIDE = "views", "views:aside"


def record_view(redis, product_id, customer_id):
    redis.rpush(GATHERED, f"{product_id} {customer_id}")


def flush_views(conn, redis):
    conn.execute("CREATE TABLE IF NOT EXISTS flushed_batches (batch text PRIMARY KEY)")
    conn.commit()
    while True:
        if not redis.exists(ASIDE):
            if not redis.exists(GATHERED):
                return
            redis.eval(
                "if redis.call('EXISTS', KEYS[2]) == 0 and redis.call('EXISTS', KEYS[1]) == 1 then "
                "redis.call('RENAME', KEYS[1], KEYS[2]) redis.call('LPUSH', KEYS[2], ARGV[1]) end return 1",
                2, GATHERED, ASIDE, uuid.uuid4().hex,
            )
        batch, *views = [v.decode() for v in redis.lrange(ASIDE, 0, -1)]
        totals = {}
        for product, customer in (v.split() for v in views):
            count, _ = totals.get(product, (0, None))
            totals[product] = (count + 1, customer)
        with conn.transaction():
            new = conn.execute("INSERT INTO flushed_batches VALUES (%s) ON CONFLICT DO NOTHING", (batch,)).rowcount
            if new:
                for product, (count, customer) in totals.items():
                    conn.execute(
                        "INSERT INTO product_views VALUES (%s, %s, %s) ON CONFLICT (product_id) DO UPDATE SET "
                        "views = product_views.views + excluded.views, last_customer = excluded.last_customer",
                        (int(product), count, int(customer)),
                    )
        redis.delete(ASIDE)
