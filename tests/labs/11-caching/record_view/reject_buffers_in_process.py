# fails: nothing_lost_meanwhile, loss_is_bounded -- "is killed" "dies with it"
# Sends to Redis by forties, to save round trips; what is not full yet is in the process.
MAX_LOSS = 5
buffer = []


def record_view(redis, product_id, customer_id):
    buffer.append(f"{product_id} {customer_id}")
    if len(buffer) >= 40:
        redis.rpush("views", *buffer)
        buffer.clear()


def flush_views(conn, redis):
    while batch := redis.lpop("views", 5):
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
