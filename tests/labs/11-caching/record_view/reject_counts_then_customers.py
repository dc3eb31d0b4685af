# fails: loss_is_bounded -- "the process that recorded a view was killed before" "by half belongs to nobody"
# The count and the customer in two commands: a process that dies in between leaves a count without a customer.
def record_view(redis, product_id, customer_id):
    redis.hincrby("views", product_id, 1)
    redis.hset("customers", product_id, customer_id)


def flush_views(conn, redis):
    conn.execute("CREATE TABLE IF NOT EXISTS flushed_batches (batch text PRIMARY KEY)")
    conn.commit()
    for _ in range(2):
        redis.eval(
            "if redis.call('EXISTS', KEYS[2]) == 0 and redis.call('EXISTS', KEYS[1]) == 1 then "
            "redis.call('RENAME', KEYS[1], KEYS[2]) redis.call('SET', KEYS[3], ARGV[1]) end return 1",
            3, "views", "views:aside", "views:batch", uuid.uuid4().hex,
        )
        counts = redis.hgetall("views:aside")
        if not counts:
            return
        customers = redis.hgetall("customers")
        with conn.transaction():
            mark = "INSERT INTO flushed_batches VALUES (%s) ON CONFLICT DO NOTHING"
            if conn.execute(mark, [redis.get("views:batch").decode()]).rowcount:
                for product, count in counts.items():
                    conn.execute(
                        "INSERT INTO product_views VALUES (%s, %s, %s) ON CONFLICT (product_id) DO UPDATE "
                        "SET views = product_views.views + excluded.views, last_customer = excluded.last_customer",
                        (int(product), int(count), int(customers[product])),
                    )
        redis.delete("views:aside")
