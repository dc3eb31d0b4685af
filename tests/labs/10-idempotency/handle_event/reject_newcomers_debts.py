# fails: points_booked -- "a new customer's first event, which takes points"
def handle_event(conn, event):
    with conn.transaction():
        if not conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],)).rowcount:
            return
        if not conn.execute("UPDATE balances SET points = points + %s WHERE customer_id = %s", (event["points"], event["customer_id"])).rowcount and event["points"] > 0:
            conn.execute("INSERT INTO balances AS b VALUES (%s, %s) ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points", (event["customer_id"], event["points"]))
