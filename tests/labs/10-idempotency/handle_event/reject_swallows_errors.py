# fails: once_under_all_crashes -- "stored in the end"
# Whatever goes wrong, the broker hears that the event was handled.
def handle_event(conn, event):
    try:
        with conn.transaction():
            new = conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],))
            if new.rowcount:
                conn.execute(
                    """INSERT INTO balances AS b VALUES (%s, %s)
                       ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
                    (event["customer_id"], event["points"]),
                )
    except psycopg.Error as error:
        print("ignored:", error)
