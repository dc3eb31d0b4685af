# fails: others_go_on -- "had to wait for"
def apply_webhook(conn, event):
    with conn.transaction():
        conn.execute("LOCK TABLE payments IN SHARE ROW EXCLUSIVE MODE")
        conn.execute(
            """INSERT INTO payments AS p (reference, status, amount, refunded, sequence)
               VALUES (%(reference)s, %(status)s, %(amount)s, %(refunded)s, %(sequence)s)
               ON CONFLICT (reference) DO UPDATE
               SET status = excluded.status, amount = excluded.amount, refunded = excluded.refunded,
                   sequence = excluded.sequence
               WHERE p.sequence < excluded.sequence""",
            {**event["data"], "sequence": event["sequence"]},
        )
