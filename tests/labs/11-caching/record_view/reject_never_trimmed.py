# fails: counts -- "gone from what is gathered" "120 things are left in Redis"
# How far it has been written stands in the database; what has been written stays in the stream for ever.
def record_view(redis, product_id, customer_id):
    redis.xadd("views", {"p": product_id, "c": customer_id})


def flush_views(conn, redis):
    with conn.transaction():
        conn.execute("CREATE TABLE IF NOT EXISTS written (one int PRIMARY KEY, upto text)")
        row = conn.execute("SELECT upto FROM written").fetchone()
        entries = redis.xrange("views", min="(" + row[0] if row else "-")
        count, last = {}, {}
        for _, fields in entries:
            product = int(fields[b"p"])
            count[product] = count.get(product, 0) + 1
            last[product] = int(fields[b"c"])
        for product in count:
            conn.execute(
                "INSERT INTO product_views AS v VALUES (%s, %s, %s) ON CONFLICT (product_id) DO UPDATE "
                "SET views = v.views + excluded.views, last_customer = excluded.last_customer",
                (product, count[product], last[product]),
            )
        if entries:
            upto = entries[-1][0].decode()
            conn.execute("INSERT INTO written VALUES (1, %s) ON CONFLICT (one) DO UPDATE SET upto = excluded.upto", (upto,))
