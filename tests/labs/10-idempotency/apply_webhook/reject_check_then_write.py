# fails: newest_wins_under_all_schedules -- "Between the look"
def apply_webhook(conn, event):
    data = event["data"]
    with conn.transaction():
        known = conn.execute("SELECT sequence FROM payments WHERE reference = %s", (data["reference"],)).fetchone()
        if known and known[0] >= event["sequence"]:
            return
        conn.execute(
            """INSERT INTO payments AS p (reference, status, amount, refunded, sequence)
               VALUES (%(reference)s, %(status)s, %(amount)s, %(refunded)s, %(sequence)s)
               ON CONFLICT (reference) DO UPDATE
               SET status = excluded.status, amount = excluded.amount, refunded = excluded.refunded,
                   sequence = excluded.sequence""",
            {**event["data"], "sequence": event["sequence"]},
        )
