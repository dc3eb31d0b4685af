# accepts: a stream with a consumer group; what a dead flusher had is claimed after a minute's idleness; a mark in the database
def record_view(redis, product_id, customer_id):
    redis.xadd("views", {"p": product_id, "c": customer_id})

def flush_views(conn, redis):
    import redis as r
    me = uuid.uuid4().hex
    try:
        redis.xgroup_create("views", "flush", id="0", mkstream=True)
    except r.ResponseError:
        pass
    conn.execute("CREATE TABLE IF NOT EXISTS flushed (last_ms bigint, last_seq bigint)")
    conn.commit()
    while True:
        _, items, *_ = redis.xautoclaim("views", "flush", me, min_idle_time=60_000, start_id="0-0", count=1000)
        if not items:
            found = redis.xreadgroup("flush", me, {"views": ">"}, count=1000)
            items = (found[b"views"][0] if isinstance(found, dict) else found[0][1]) if found else []
        if not items:
            return
        with conn.transaction():
            last = conn.execute("SELECT last_ms, last_seq FROM flushed ORDER BY 1 DESC, 2 DESC LIMIT 1").fetchone() or (0, 0)
            totals, end = {}, last
            for id, entry in items:
                at = tuple(map(int, id.decode().split("-")))
                if at <= last:
                    continue
                end = max(end, at)
                p, c = int(entry[b"p"]), int(entry[b"c"])
                totals[p] = (totals.get(p, (0, 0))[0] + 1, c)
            for p, (n, c) in totals.items():
                conn.execute("INSERT INTO product_views VALUES (%s, %s, %s) ON CONFLICT (product_id) DO UPDATE "
                             "SET views = product_views.views + excluded.views, last_customer = excluded.last_customer", (p, n, c))
            conn.execute("DELETE FROM flushed")
            conn.execute("INSERT INTO flushed VALUES (%s, %s)", end)
        with redis.pipeline() as pipe:
            pipe.xack("views", "flush", *[id for id, _ in items]).xdel("views", *[id for id, _ in items]).execute()
