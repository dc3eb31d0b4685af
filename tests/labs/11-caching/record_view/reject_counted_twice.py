# fails: loss_is_bounded -- "counted twice"
# Taken aside, written, then removed: killed before the last step, all of it is written again.
def record_view(redis, product_id, customer_id):
    redis.rpush("views", f"{product_id} {customer_id}")


def flush_views(conn, redis):
    for _ in range(2):
        if not redis.exists("views:aside"):
            try:
                redis.rename("views", "views:aside")
            except RedisError:
                return
        rows = {}
        for product, customer in (map(int, b.split()) for b in redis.lrange("views:aside", 0, -1)):
            rows[product] = (rows.get(product, (0, 0))[0] + 1, customer)
        with conn.transaction():
            for product, (count, customer) in rows.items():
                conn.execute(
                    "INSERT INTO product_views VALUES (%s, %s, %s) ON CONFLICT (product_id) DO UPDATE "
                    "SET views = product_views.views + excluded.views, last_customer = excluded.last_customer",
                    (product, count, customer),
                )
        redis.delete("views:aside")
