# fails: once_under_all_schedules -- "stored in the end"
# Where there is no row yet there is nothing to lock: the sum is computed before the other one is there.
def handle_event(conn, event):
    with conn.transaction():
        if not conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],)).rowcount:
            return
        row = conn.execute("SELECT points FROM balances WHERE customer_id = %s FOR UPDATE", (event["customer_id"],)).fetchone()
        total = (row[0] if row else 0) + event["points"]
        conn.execute("INSERT INTO balances VALUES (%s, %s) ON CONFLICT (customer_id) DO UPDATE SET points = excluded.points", (event["customer_id"], total))
