# accepts: keeps every event, and copies the newest into the row under a lock of the payment
def apply_webhook(conn, event):
    reference = event["data"]["reference"]
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (reference,))
        conn.execute("CREATE TABLE IF NOT EXISTS log (id text PRIMARY KEY, reference text, sequence int, data jsonb)")
        conn.execute(
            "INSERT INTO log VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (event["id"], reference, event["sequence"], Jsonb(event["data"])),
        )
        sequence, data = conn.execute(
            "SELECT sequence, data FROM log WHERE reference = %s ORDER BY sequence DESC LIMIT 1", (reference,)
        ).fetchone()
        known = conn.execute("SELECT sequence FROM payments WHERE reference = %s", (reference,)).fetchone()
        if known is None or known[0] < sequence:
            conn.execute("DELETE FROM payments WHERE reference = %s", (reference,))
            conn.execute(
                "INSERT INTO payments VALUES (%s, %s, %s, %s, %s)",
                (reference, data["status"], data["amount"], data["refunded"], sequence),
            )
