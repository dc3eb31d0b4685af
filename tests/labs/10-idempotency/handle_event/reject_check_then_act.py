# fails: once_under_all_schedules -- "looked before either wrote"
# The inbox is asked and filled, but nothing stops two who ask at once.
def handle_event(conn, event):
    with conn.transaction():
        if conn.execute("SELECT 1 FROM inbox WHERE event_id = %s", (event["id"],)).fetchone():
            return
        conn.execute(
            """INSERT INTO balances AS b VALUES (%s, %s)
               ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
            (event["customer_id"], event["points"]),
        )
        conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],))
