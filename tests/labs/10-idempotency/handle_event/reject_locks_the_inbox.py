# fails: others_go_on -- "had to wait for"
# Right, and one event at a time for the whole shop.
def handle_event(conn, event):
    with conn.transaction():
        conn.execute("LOCK TABLE inbox IN EXCLUSIVE MODE")
        if conn.execute("SELECT 1 FROM inbox WHERE event_id = %s", (event["id"],)).fetchone():
            return
        conn.execute("INSERT INTO inbox (event_id) VALUES (%s)", (event["id"],))
        conn.execute(
            """INSERT INTO balances AS b VALUES (%s, %s)
               ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
            (event["customer_id"], event["points"]),
        )
