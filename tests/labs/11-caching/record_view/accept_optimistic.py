# accepts: one document under WATCH, tried again when somebody else was faster; taken aside together with a number that the database remembers
def record_view(redis, product_id, customer_id):
    def add(pipe):
        views = json.loads(pipe.get("views") or "[]")
        pipe.multi()
        pipe.set("views", json.dumps([*views, [product_id, customer_id]]))

    redis.transaction(add, "views")


def flush_views(conn, redis):
    def take(pipe):
        gathered, aside = pipe.get("views"), pipe.get("aside")
        pipe.multi()
        if aside is None and gathered is not None:
            pipe.set("aside", gathered)
            pipe.incr("batch")
            pipe.delete("views")

    conn.execute("CREATE TABLE IF NOT EXISTS last_batch (one int PRIMARY KEY, number bigint)")
    conn.execute("INSERT INTO last_batch VALUES (1, 0) ON CONFLICT DO NOTHING")
    conn.commit()
    for _ in range(2):
        redis.transaction(take, "views", "aside")
        aside, number = redis.get("aside"), int(redis.get("batch") or 0)
        if aside is None:
            return
        rows = {}
        for product, customer in json.loads(aside):
            rows[product] = (rows.get(product, (0, 0))[0] + 1, customer)
        with conn.transaction():
            if conn.execute("UPDATE last_batch SET number = %s WHERE number < %s", (number, number)).rowcount:
                for product, (count, customer) in rows.items():
                    conn.execute(
                        "INSERT INTO product_views VALUES (%s, %s, %s) ON CONFLICT (product_id) DO UPDATE "
                        "SET views = product_views.views + excluded.views, last_customer = excluded.last_customer",
                        (product, count, customer),
                    )
        redis.delete("aside")
