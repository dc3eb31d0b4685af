# fails: points_booked -- "two different events that say the same" "by its id alone"
# Takes what says the same for the same event.
def handle_event(conn, event):
    key = f"{event['customer_id']}:{event['points']}"
    with conn.transaction():
        new = conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (key,)).rowcount
        if new:
            conn.execute(
                """INSERT INTO balances AS b VALUES (%s, %s)
                   ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
                (event["customer_id"], event["points"]),
            )
