# fails: duplicates_change_nothing, order_does_not_matter, gaps_do_not_stop_it, survives_every_cut -- "adding it up"
# Takes what was given back in all for a change.
def apply_webhook(conn, event):
    data = {**event["data"], "sequence": event["sequence"]}
    with conn.transaction():
        conn.execute(
            """INSERT INTO payments AS p VALUES (%(reference)s, %(status)s, %(amount)s, %(refunded)s, %(sequence)s)
               ON CONFLICT (reference) DO UPDATE
               SET status = CASE WHEN p.sequence < excluded.sequence THEN excluded.status ELSE p.status END,
                   amount = CASE WHEN p.sequence < excluded.sequence THEN excluded.amount ELSE p.amount END,
                   refunded = p.refunded + excluded.refunded,
                   sequence = greatest(p.sequence, excluded.sequence)""",
            data,
        )
