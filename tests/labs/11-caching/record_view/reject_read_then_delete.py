# fails: nothing_lost_meanwhile, loss_is_bounded -- "one was recorded just before" "also deletes what came in between"
MAX_LOSS = 20


def record_view(redis, product_id, customer_id):
    redis.rpush("views", f"{product_id}:{customer_id}")


def flush_views(conn, redis):
    rows = {}
    for item in redis.lrange("views", 0, -1):
        product, customer = map(int, item.split(b":"))
        rows[product] = (rows.get(product, (0, 0))[0] + 1, customer)
    with conn.transaction():
        for product, (count, customer) in rows.items():
            conn.execute(
                "INSERT INTO product_views VALUES (%s, %s, %s) ON CONFLICT (product_id) DO UPDATE "
                "SET views = product_views.views + excluded.views, last_customer = excluded.last_customer",
                (product, count, customer),
            )
    redis.delete("views")
