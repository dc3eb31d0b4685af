# accepts: recorders and flushes take turns, by a lock with a lease; the batch that is written lies aside, with its number
def record_view(redis, product_id, customer_id):
    with redis.lock("views:lock", timeout=30, sleep=0.01):
        views = json.loads(redis.get("views") or "[]")
        redis.set("views", json.dumps([*views, [product_id, customer_id]]))


def flush_views(conn, redis):
    conn.execute("CREATE TABLE IF NOT EXISTS flushed_batches (batch text PRIMARY KEY)")
    conn.commit()
    for _ in range(2):
        with redis.lock("views:lock", timeout=30, sleep=0.01):
            if not redis.exists("views:aside"):
                gathered = redis.get("views")
                if gathered is None:
                    return
                with redis.pipeline(transaction=True) as pipe:
                    pipe.set("views:aside", json.dumps([uuid.uuid4().hex, json.loads(gathered)]))
                    pipe.delete("views")
                    pipe.execute()
            batch, views = json.loads(redis.get("views:aside"))
        rows = {}
        for product, customer in views:
            rows[product] = (rows.get(product, (0, 0))[0] + 1, customer)
        with conn.transaction():
            if conn.execute("INSERT INTO flushed_batches VALUES (%s) ON CONFLICT DO NOTHING", [batch]).rowcount:
                for product, (count, customer) in rows.items():
                    conn.execute(
                        "INSERT INTO product_views VALUES (%s, %s, %s) ON CONFLICT (product_id) DO UPDATE "
                        "SET views = product_views.views + excluded.views, last_customer = excluded.last_customer",
                        (product, count, customer),
                    )
        redis.delete("views:aside")
