# fails: order_does_not_matter, once_under_all_schedules -- "queues overtake"
# Remembers the newest event only and takes everything older for a duplicate.
def handle_event(conn, event):
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (event["customer_id"],))
        conn.execute("CREATE TABLE IF NOT EXISTS mark (customer bigint PRIMARY KEY, last text)")
        mark = conn.execute("SELECT last FROM mark WHERE customer = %s", (event["customer_id"],)).fetchone()
        if mark and mark[0] >= event["created"]:
            return
        conn.execute(
            "INSERT INTO mark VALUES (%s, %s) ON CONFLICT (customer) DO UPDATE SET last = excluded.last",
            (event["customer_id"], event["created"]),
        )
        conn.execute(
            """INSERT INTO balances AS b VALUES (%s, %s)
               ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
            (event["customer_id"], event["points"]),
        )
