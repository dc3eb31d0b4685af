# fails: points_booked -- "a new customer's first event, which takes points"
# What is taken from a balance that is too small is lost.
def handle_event(conn, event):
    with conn.transaction():
        new = conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],)).rowcount
        if new:
            conn.execute(
                """INSERT INTO balances AS b VALUES (%s, greatest(%s, 0))
                   ON CONFLICT (customer_id) DO UPDATE SET points = greatest(b.points + %s, 0)""",
                (event["customer_id"], event["points"], event["points"]),
            )
