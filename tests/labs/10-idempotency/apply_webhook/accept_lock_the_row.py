# accepts: makes sure of a row, locks it, compares in Python; keeps an inbox nobody needs
def apply_webhook(conn, event):
    data = event["data"]
    with conn:
        with conn.cursor(row_factory=dict_row) as cur:
            cur.execute("INSERT INTO webhooks (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],))
            cur.execute(
                "INSERT INTO payments VALUES (%s, 'created', %s, 0, 0) ON CONFLICT DO NOTHING",
                (data["reference"], data["amount"]),
            )
            cur.execute("SELECT * FROM payments WHERE reference = %s FOR UPDATE", (data["reference"],))
            known = cur.fetchone()
            if event["sequence"] > known["sequence"]:
                cur.execute(
                    "UPDATE payments SET status = %s, amount = %s, refunded = %s, sequence = %s WHERE reference = %s",
                    (data["status"], data["amount"], data["refunded"], event["sequence"], data["reference"]),
                )
