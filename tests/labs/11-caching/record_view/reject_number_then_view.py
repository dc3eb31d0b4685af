# fails: nothing_lost_meanwhile -- "while another process recorded"
# Takes a number, then stores the view under it; what is stored late has a number that the flush has passed already.
def record_view(redis, product_id, customer_id):
    number = redis.incr("views:number")
    redis.zadd("views", {f"{number} {product_id} {customer_id}": number})


def flush_views(conn, redis):
    with conn.transaction():
        conn.execute("CREATE TABLE IF NOT EXISTS written (one int PRIMARY KEY, upto bigint)")
        row = conn.execute("SELECT upto FROM written").fetchone()
        views = redis.zrange("views", f"({row[0] if row else 0}", "+inf", byscore=True)
        rows, upto = {}, 0
        for number, product, customer in (map(int, view.split()) for view in views):
            rows[product] = (rows.get(product, (0, 0))[0] + 1, customer)
            upto = number
        for product, (count, customer) in rows.items():
            conn.execute(
                "INSERT INTO product_views AS v VALUES (%s, %s, %s) ON CONFLICT (product_id) DO UPDATE "
                "SET views = v.views + excluded.views, last_customer = excluded.last_customer",
                (product, count, customer),
            )
        if views:
            conn.execute(
                "INSERT INTO written VALUES (1, %s) ON CONFLICT (one) DO UPDATE SET upto = excluded.upto", (upto,)
            )
    if views:
        redis.zremrangebyscore("views", "-inf", upto)
