# fails: once_under_all_schedules, once_under_all_crashes -- "only a unique key"
# A set in memory works until there is a second process, or a restart.
handled = set()


def handle_event(conn, event):
    if event["id"] in handled:
        return
    with conn.transaction():
        conn.execute(
            """INSERT INTO balances AS b VALUES (%s, %s)
               ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
            (event["customer_id"], event["points"]),
        )
    handled.add(event["id"])
