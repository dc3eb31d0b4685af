# fails: counts -- "0 views" "must be committed"
MAX_LOSS = 20


def record_view(redis, product_id, customer_id):
    redis.rpush("views", f"{product_id} {customer_id}")


def flush_views(conn, redis):
    while batch := redis.lpop("views", 20):
        for product, customer in (map(int, b.split()) for b in batch):
            conn.execute(
                "INSERT INTO product_views VALUES (%s, 1, %s) ON CONFLICT (product_id) DO UPDATE "
                "SET views = product_views.views + 1, last_customer = excluded.last_customer",
                (product, customer),
            )
