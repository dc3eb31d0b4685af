# fails: loss_is_bounded -- "of 24 views are lost, declared were 0" "is nowhere"
# Nothing is lost while it runs; killed after the pop, everything is.
def record_view(redis, product_id, customer_id):
    redis.rpush("views", f"{product_id} {customer_id}")


def flush_views(conn, redis):
    batch = redis.lpop("views", 1_000_000) or []
    rows = {}
    for product, customer in (map(int, b.split()) for b in batch):
        rows[product] = (rows.get(product, (0, 0))[0] + 1, customer)
    with conn.transaction():
        for product, (count, customer) in rows.items():
            conn.execute(
                "INSERT INTO product_views VALUES (%s, %s, %s) ON CONFLICT (product_id) DO UPDATE "
                "SET views = product_views.views + excluded.views, last_customer = excluded.last_customer",
                (product, count, customer),
            )
