# fails: nothing_lost_meanwhile -- "while another process recorded" "puts back what it had read"
# Reads what has been gathered, appends, writes it back: right for as long as one process records at a time.
def record_view(redis, product_id, customer_id):
    views = json.loads(redis.get("views") or "[]")
    views.append([product_id, customer_id])
    redis.set("views", json.dumps(views))


def flush_views(conn, redis):
    conn.execute("CREATE TABLE IF NOT EXISTS flushed_batches (batch text PRIMARY KEY)")
    conn.commit()
    for _ in range(2):
        redis.eval(
            "if redis.call('EXISTS', KEYS[2]) == 0 and redis.call('EXISTS', KEYS[1]) == 1 then "
            "redis.call('RENAME', KEYS[1], KEYS[2]) redis.call('SET', KEYS[3], ARGV[1]) end return 1",
            3, "views", "views:aside", "views:batch", uuid.uuid4().hex,
        )
        aside = redis.get("views:aside")
        if aside is None:
            return
        rows = {}
        for product, customer in json.loads(aside):
            rows[product] = (rows.get(product, (0, 0))[0] + 1, customer)
        with conn.transaction():
            mark = "INSERT INTO flushed_batches VALUES (%s) ON CONFLICT DO NOTHING"
            if conn.execute(mark, [redis.get("views:batch").decode()]).rowcount:
                for product, (count, customer) in rows.items():
                    conn.execute(
                        "INSERT INTO product_views VALUES (%s, %s, %s) ON CONFLICT (product_id) DO UPDATE "
                        "SET views = product_views.views + excluded.views, last_customer = excluded.last_customer",
                        (product, count, customer),
                    )
        redis.delete("views:aside")
