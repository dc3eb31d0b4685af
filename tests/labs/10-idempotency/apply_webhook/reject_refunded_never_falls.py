# fails: order_does_not_matter -- "a refund that fails and is taken back" "the greater of two amounts"
def apply_webhook(conn, event):
    d = event["data"]
    with conn.transaction():
        conn.execute(
            "INSERT INTO payments AS p (reference, status, amount, refunded, sequence) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (reference) DO UPDATE SET status = excluded.status, refunded = GREATEST(p.refunded, excluded.refunded), amount = excluded.amount, "
            "sequence = excluded.sequence WHERE p.sequence < excluded.sequence",
            [d["reference"], d["status"], d["amount"], d["refunded"], event["sequence"]],
        )
