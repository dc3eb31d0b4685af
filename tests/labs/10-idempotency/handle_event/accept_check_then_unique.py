# accepts: looks first, and lets the unique key end the loser, who is delivered again
def handle_event(conn, event):
    with conn.cursor(row_factory=dict_row) as cur:
        cur.execute("SELECT 1 FROM inbox WHERE event_id = %s", (event["id"],))
        if cur.fetchone():
            conn.rollback()
            return
        cur.execute("INSERT INTO balances VALUES (%s, 0) ON CONFLICT DO NOTHING", (event["customer_id"],))
        cur.execute(
            "UPDATE balances SET points = points + %s WHERE customer_id = %s", (event["points"], event["customer_id"])
        )
        cur.execute("INSERT INTO inbox (event_id) VALUES (%s)", (event["id"],))
    conn.commit()
