# fails: survives_every_cut -- "remembered as received"
# The inbox in a transaction of its own: after a crash the event counts as done.
def apply_webhook(conn, event):
    with conn.transaction():
        new = conn.execute("INSERT INTO webhooks (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],))
    if new.rowcount == 0:
        return
    with conn.transaction():
        conn.execute(
            """INSERT INTO payments AS p (reference, status, amount, refunded, sequence)
               VALUES (%(reference)s, %(status)s, %(amount)s, %(refunded)s, %(sequence)s)
               ON CONFLICT (reference) DO UPDATE
               SET status = excluded.status, amount = excluded.amount, refunded = excluded.refunded,
                   sequence = excluded.sequence
               WHERE p.sequence < excluded.sequence""",
            {**event["data"], "sequence": event["sequence"]},
        )
