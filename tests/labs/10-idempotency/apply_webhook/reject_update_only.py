# fails: order_does_not_matter, gaps_do_not_stop_it, newest_wins_under_all_schedules, survives_every_cut -- "must be"
# Only "created" makes a row; what comes before it finds none.
def apply_webhook(conn, event):
    data = event["data"]
    with conn.transaction():
        if data["status"] == "created":
            conn.execute(
                "INSERT INTO payments VALUES (%s, 'created', %s, 0, %s) ON CONFLICT DO NOTHING",
                (data["reference"], data["amount"], event["sequence"]),
            )
        else:
            conn.execute(
                """UPDATE payments
                   SET status = %(status)s, amount = %(amount)s, refunded = %(refunded)s, sequence = %(sequence)s
                   WHERE reference = %(reference)s AND sequence < %(sequence)s""",
                {**data, "sequence": event["sequence"]},
            )
