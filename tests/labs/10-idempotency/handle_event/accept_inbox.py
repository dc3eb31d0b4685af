# accepts: the inbox row and the points in one transaction
def handle_event(conn, event):
    with conn.transaction():
        new = conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],))
        if new.rowcount:
            conn.execute(
                """INSERT INTO balances AS b VALUES (%s, %s)
                   ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
                (event["customer_id"], event["points"]),
            )
