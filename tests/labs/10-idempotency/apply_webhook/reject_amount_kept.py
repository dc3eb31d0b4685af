# fails: state_applied -- "a payment's whole story in order"
def apply_webhook(conn, event):
    d = event["data"]
    with conn.transaction():
        conn.execute(
            "INSERT INTO payments AS p (reference, status, amount, refunded, sequence) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (reference) DO UPDATE SET status = excluded.status, refunded = excluded.refunded, "
            "sequence = excluded.sequence WHERE p.sequence < excluded.sequence",
            [d["reference"], d["status"], d["amount"], d["refunded"], event["sequence"]],
        )
