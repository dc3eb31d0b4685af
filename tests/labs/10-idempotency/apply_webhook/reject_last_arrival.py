# fails: order_does_not_matter, gaps_do_not_stop_it, newest_wins_under_all_schedules -- "order of arrival"
def apply_webhook(conn, event):
    with conn.transaction():
        conn.execute(
            """INSERT INTO payments AS p (reference, status, amount, refunded, sequence)
               VALUES (%(reference)s, %(status)s, %(amount)s, %(refunded)s, %(sequence)s)
               ON CONFLICT (reference) DO UPDATE
               SET status = excluded.status, amount = excluded.amount, refunded = excluded.refunded,
                   sequence = excluded.sequence""",
            {**event["data"], "sequence": event["sequence"]},
        )
