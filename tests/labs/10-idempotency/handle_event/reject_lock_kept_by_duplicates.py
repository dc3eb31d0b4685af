# fails: once_under_all_schedules -- "never came back"
# Whoever finds the event handled returns at once, and keeps the session's lock.
def handle_event(conn, event):
    conn.execute("SELECT pg_advisory_lock(%s)", (event["customer_id"],))
    try:
        if conn.execute("SELECT 1 FROM inbox WHERE event_id = %s", (event["id"],)).fetchone():
            return
        conn.execute("INSERT INTO inbox (event_id) VALUES (%s)", (event["id"],))
        conn.execute(
            """INSERT INTO balances AS b VALUES (%s, %s)
               ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
            (event["customer_id"], event["points"]),
        )
        conn.commit()
    except psycopg.Error:
        conn.rollback()
        conn.execute("SELECT pg_advisory_unlock(%s)", (event["customer_id"],))
        raise
    conn.execute("SELECT pg_advisory_unlock(%s)", (event["customer_id"],))
