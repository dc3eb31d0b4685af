# fails: order_does_not_matter, gaps_do_not_stop_it, newest_wins_under_all_schedules -- "order of arrival"
# Each event once, but the one that comes last wins.
def apply_webhook(conn, event):
    with conn.transaction():
        new = conn.execute("INSERT INTO webhooks (event_id) VALUES (%s) ON CONFLICT DO NOTHING", (event["id"],))
        if new.rowcount == 0:
            return
        conn.execute(
            """INSERT INTO payments AS p (reference, status, amount, refunded, sequence)
               VALUES (%(reference)s, %(status)s, %(amount)s, %(refunded)s, %(sequence)s)
               ON CONFLICT (reference) DO UPDATE
               SET status = excluded.status, amount = excluded.amount, refunded = excluded.refunded,
                   sequence = excluded.sequence""",
            {**event["data"], "sequence": event["sequence"]},
        )
