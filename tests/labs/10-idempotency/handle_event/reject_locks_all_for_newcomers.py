# fails: others_go_on -- "had to wait for"
def handle_event(conn, event):
    with conn.transaction():
        if not conn.execute("INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],)).rowcount:
            return
        q = "UPDATE balances SET points = points + %s WHERE customer_id = %s"
        if not conn.execute(q, (event["points"], event["customer_id"])).rowcount:
            conn.execute("LOCK TABLE balances IN SHARE ROW EXCLUSIVE MODE")
            if not conn.execute(q, (event["points"], event["customer_id"])).rowcount:
                conn.execute("INSERT INTO balances VALUES (%s, %s)", (event["customer_id"], event["points"]))
