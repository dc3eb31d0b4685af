# fails: once_under_all_schedules -- "add to what is there, also where another has just made the row"
# A balance that another has made meanwhile is left as it is.
def handle_event(conn, event):
    with conn.transaction():
        cur = conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", [event["id"]])
        if cur.rowcount == 0:
            return
        cur = conn.execute("UPDATE balances SET points = points + %s WHERE customer_id = %s", [event["points"], event["customer_id"]])
        if cur.rowcount == 0:
            conn.execute("INSERT INTO balances VALUES (%s, %s) ON CONFLICT DO NOTHING", [event["customer_id"], event["points"]])
