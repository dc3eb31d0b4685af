# fails: order_kept -- "was last seen by" "the last one counts"
# A stack: what was recorded last is written first, and overwritten.
MAX_LOSS = 20


def record_view(redis, product_id, customer_id):
    redis.lpush("views", f"{product_id} {customer_id}")


def flush_views(conn, redis):
    while batch := redis.lpop("views", 20):
        rows = {}
        for product, customer in (map(int, b.split()) for b in batch):
            rows[product] = (rows.get(product, (0, 0))[0] + 1, customer)
        with conn.transaction():
            conn.execute(
                "INSERT INTO product_views SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) "
                "ON CONFLICT (product_id) DO UPDATE "
                "SET views = product_views.views + excluded.views, last_customer = excluded.last_customer",
                (list(rows), [n for n, _ in rows.values()], [c for _, c in rows.values()]),
            )
