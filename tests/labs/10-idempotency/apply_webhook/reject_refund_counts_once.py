# fails: order_does_not_matter -- "a dispute after the refund"
def apply_webhook(conn, event):
    d = event["data"]
    with conn.transaction():
        conn.execute("INSERT INTO payments AS p (reference, status, amount, refunded, sequence) VALUES (%s, %s, %s, %s, %s) ON CONFLICT (reference) DO UPDATE SET  status = excluded.status, amount = excluded.amount, refunded = excluded.refunded, sequence = excluded.sequence WHERE p.sequence < excluded.sequence AND NOT (p.refunded > 0 AND excluded.refunded = p.refunded)", (d["reference"], d["status"], d["amount"], d["refunded"], event["sequence"]))
