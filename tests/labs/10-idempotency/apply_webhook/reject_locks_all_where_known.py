# fails: others_go_on -- "had to wait for"
def apply_webhook(conn, event):
    d = event["data"]
    with conn.transaction():
        if conn.execute("SELECT 1 FROM payments WHERE reference = %s", (d["reference"],)).fetchone():
            conn.execute("LOCK TABLE payments IN SHARE ROW EXCLUSIVE MODE")
        conn.execute("INSERT INTO payments AS p (reference, status, amount, refunded, sequence) VALUES (%s, %s, %s, %s, %s) ON CONFLICT (reference) DO UPDATE SET  status = excluded.status, amount = excluded.amount, refunded = excluded.refunded, sequence = excluded.sequence WHERE p.sequence < excluded.sequence", (d["reference"], d["status"], d["amount"], d["refunded"], event["sequence"]))
