# fails: once_under_all_crashes -- "must be" "a crash in it"
# Remembered in a transaction of its own: what dies afterwards is never booked.
def handle_event(conn, event):
    with conn.transaction():
        new = conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],)).rowcount
    if new:
        with conn.transaction():
            conn.execute(
                """INSERT INTO balances AS b VALUES (%s, %s)
                   ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
                (event["customer_id"], event["points"]),
            )
