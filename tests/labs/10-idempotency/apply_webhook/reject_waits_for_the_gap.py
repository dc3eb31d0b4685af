# fails: order_does_not_matter, gaps_do_not_stop_it, newest_wins_under_all_schedules, survives_every_cut -- "must not keep those after it"
# Applies an event only when the one before it is there.
def apply_webhook(conn, event):
    data = event["data"]
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (data["reference"],))
        known = conn.execute("SELECT sequence FROM payments WHERE reference = %s", (data["reference"],)).fetchone()
        if event["sequence"] != (known[0] if known else 0) + 1:
            return
        conn.execute(
            """INSERT INTO payments AS p (reference, status, amount, refunded, sequence)
               VALUES (%(reference)s, %(status)s, %(amount)s, %(refunded)s, %(sequence)s)
               ON CONFLICT (reference) DO UPDATE
               SET status = excluded.status, amount = excluded.amount, refunded = excluded.refunded,
                   sequence = excluded.sequence
               WHERE p.sequence < excluded.sequence""",
            {**event["data"], "sequence": event["sequence"]},
        )
