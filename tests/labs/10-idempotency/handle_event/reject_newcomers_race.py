# fails: once_under_all_schedules -- "stored in the end"
# Two first events of a customer: whoever finds no row to update loses to whoever inserts one.
def handle_event(conn, event):
    with conn.transaction():
        fresh = conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],)).rowcount
        if not fresh:
            return
        known = conn.execute("UPDATE balances SET points = points + %s WHERE customer_id = %s", (event["points"], event["customer_id"])).rowcount
        if not known:
            conn.execute("INSERT INTO balances VALUES (%s, %s) ON CONFLICT DO NOTHING", (event["customer_id"], event["points"]))
