# fails: few_writes -- "at most 40 statements" "only later"
MAX_LOSS = 1


def record_view(redis, product_id, customer_id):
    redis.rpush("views", f"{product_id} {customer_id}")


def flush_views(conn, redis):
    while item := redis.lpop("views"):
        product, customer = map(int, item.split())
        conn.execute(
            "INSERT INTO product_views VALUES (%s, 1, %s) ON CONFLICT (product_id) DO UPDATE "
            "SET views = product_views.views + 1, last_customer = excluded.last_customer",
            (product, customer),
        )
        conn.commit()
