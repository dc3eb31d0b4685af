# fails: once_under_all_schedules -- "must be"
# Each event is handled once, but the balance is computed from an old one.
def handle_event(conn, event):
    with conn.transaction():
        new = conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],))
        if new.rowcount == 0:
            return
        row = conn.execute("SELECT points FROM balances WHERE customer_id = %s", (event["customer_id"],)).fetchone()
        total = (row[0] if row else 0) + event["points"]
        conn.execute(
            "INSERT INTO balances VALUES (%s, %s) ON CONFLICT (customer_id) DO UPDATE SET points = excluded.points",
            (event["customer_id"], total),
        )
