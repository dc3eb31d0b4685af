# accepts: running totals, moved on by a MULTI; the database is told the totals as they stand, as often as one likes
def record_view(redis, product_id, customer_id):
    with redis.pipeline(transaction=True) as pipe:
        pipe.hincrby("totals", product_id, 1)
        pipe.hset("customers", product_id, customer_id)
        pipe.execute()


def flush_views(conn, redis):
    with redis.pipeline(transaction=True) as pipe:
        pipe.hgetall("totals")
        pipe.hgetall("customers")
        totals, customers = pipe.execute()
    if totals:
        with conn.transaction():
            conn.execute(
                "INSERT INTO product_views SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) "
                "ON CONFLICT (product_id) DO UPDATE SET views = excluded.views, last_customer = excluded.last_customer",
                (list(map(int, totals)), list(map(int, totals.values())), [int(customers[p]) for p in totals]),
            )
