# accepts: pops twenty at a time and says so: a crash may cost those twenty; one statement a batch
MAX_LOSS = 20


def record_view(redis, product_id, customer_id):
    redis.rpush("views", json.dumps([product_id, customer_id]))


def flush_views(conn, redis):
    while batch := redis.lpop("views", MAX_LOSS):
        rows = {}
        for product, customer in map(json.loads, batch):
            rows[product] = (rows[product][0] + 1 if product in rows else 1, customer)
        with conn.transaction():
            conn.execute(
                """
                INSERT INTO product_views (product_id, views, last_customer)
                SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])
                ON CONFLICT (product_id) DO UPDATE
                   SET views = product_views.views + excluded.views, last_customer = excluded.last_customer
                """,
                (list(rows), [n for n, _ in rows.values()], [c for _, c in rows.values()]),
            )
