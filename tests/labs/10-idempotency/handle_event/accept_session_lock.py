# accepts: a lock of the session, given back whatever happens
def handle_event(conn, event):
    conn.execute("SELECT pg_advisory_lock(%s)", (event["customer_id"],))
    try:
        if not conn.execute("SELECT 1 FROM inbox WHERE event_id = %s", (event["id"],)).fetchone():
            conn.execute("INSERT INTO inbox (event_id) VALUES (%s)", (event["id"],))
            conn.execute(
                """INSERT INTO balances AS b VALUES (%s, %s)
                   ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
                (event["customer_id"], event["points"]),
            )
        conn.commit()
    finally:
        conn.rollback()
        conn.execute("SELECT pg_advisory_unlock(%s)", (event["customer_id"],))
        conn.commit()
