# fails: once_under_all_schedules, once_under_all_crashes -- "books twice, or never"
# Remembered after the points were committed: what dies in between is booked again.
def handle_event(conn, event):
    if conn.execute("SELECT 1 FROM inbox WHERE event_id = %s", (event["id"],)).fetchone():
        conn.rollback()
        return
    conn.execute(
        """INSERT INTO balances AS b VALUES (%s, %s)
           ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
        (event["customer_id"], event["points"]),
    )
    conn.commit()
    conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],))
    conn.commit()
