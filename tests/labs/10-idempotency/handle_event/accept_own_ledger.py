# accepts: a ledger table of its own, the balance computed from it; clumsy
def handle_event(conn, event):
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (event["customer_id"],))
        conn.execute("CREATE TABLE IF NOT EXISTS ledger (id text PRIMARY KEY, customer bigint, points int)")
        seen = conn.execute("SELECT count(*) FROM ledger WHERE id = %s", (event["id"],)).fetchone()[0]
        if seen:
            return
        conn.execute("INSERT INTO ledger VALUES (%s, %s, %s)", (event["id"], event["customer_id"], event["points"]))
        have = conn.execute("SELECT points FROM balances WHERE customer_id = %s", (event["customer_id"],)).fetchone()
        if have:
            conn.execute(
                "UPDATE balances SET points = %s WHERE customer_id = %s",
                (have[0] + event["points"], event["customer_id"]),
            )
        else:
            conn.execute("INSERT INTO balances VALUES (%s, %s)", (event["customer_id"], event["points"]))
