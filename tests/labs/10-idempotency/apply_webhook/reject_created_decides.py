# fails: state_applied -- "must be"
# Orders by the provider's clock, which ticks in seconds.
def apply_webhook(conn, event):
    data = event["data"]
    with conn.transaction():
        conn.execute("CREATE TABLE IF NOT EXISTS seen (reference text PRIMARY KEY, created float8)")
        new = conn.execute(
            """INSERT INTO seen AS s VALUES (%s, %s) ON CONFLICT (reference)
               DO UPDATE SET created = excluded.created WHERE s.created < excluded.created""",
            (data["reference"], event["created"]),
        )
        if new.rowcount:
            conn.execute(
                """INSERT INTO payments AS p (reference, status, amount, refunded, sequence)
                   VALUES (%(reference)s, %(status)s, %(amount)s, %(refunded)s, %(sequence)s)
                   ON CONFLICT (reference) DO UPDATE
                   SET status = excluded.status, amount = excluded.amount, refunded = excluded.refunded,
                       sequence = excluded.sequence""",
                {**event["data"], "sequence": event["sequence"]},
            )
