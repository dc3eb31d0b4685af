# fails: order_does_not_matter -- "must be"
# Keeps the highest event id, as text: number 10 is before number 9.
def apply_webhook(conn, event):
    data = event["data"]
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (data["reference"],))
        top = conn.execute(
            "SELECT max(event_id) FROM webhooks WHERE event_id LIKE %s", (f"evt_{data['reference']}_%",)
        ).fetchone()[0]
        conn.execute("INSERT INTO webhooks (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],))
        if top is not None and top >= event["id"]:
            return
        conn.execute(
            """INSERT INTO payments AS p (reference, status, amount, refunded, sequence)
               VALUES (%(reference)s, %(status)s, %(amount)s, %(refunded)s, %(sequence)s)
               ON CONFLICT (reference) DO UPDATE
               SET status = excluded.status, amount = excluded.amount, refunded = excluded.refunded,
                   sequence = excluded.sequence""",
            {**event["data"], "sequence": event["sequence"]},
        )
