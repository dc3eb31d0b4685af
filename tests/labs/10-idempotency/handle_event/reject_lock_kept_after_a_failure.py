# fails: once_under_all_crashes -- "cancels a statement" "waits for that connection" "lock of the session"
# A lock of the session is given back at the end; when something fails before, the connection goes back to the pool with it.
def handle_event(conn, event):
    conn.execute("SELECT pg_advisory_lock(%s)", (event["customer_id"],))
    conn.commit()
    with conn.transaction():
        known = conn.execute("SELECT 1 FROM inbox WHERE event_id = %s", (event["id"],)).fetchone()
        if not known:
            conn.execute("INSERT INTO inbox (event_id) VALUES (%s)", (event["id"],))
            conn.execute(
                """INSERT INTO balances AS b VALUES (%s, %s)
                   ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
                (event["customer_id"], event["points"]),
            )
    conn.execute("SELECT pg_advisory_unlock(%s)", (event["customer_id"],))
    conn.commit()
