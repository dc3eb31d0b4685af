# fails: duplicates_have_no_effect -- "UniqueViolation" "every delivery returns"
# The effect is right, but the broker hears of a failure and delivers the event for ever.
def handle_event(conn, event):
    with conn.transaction():
        conn.execute("INSERT INTO inbox (event_id) VALUES (%s)", (event["id"],))
        conn.execute(
            """INSERT INTO balances AS b VALUES (%s, %s)
               ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
            (event["customer_id"], event["points"]),
        )
