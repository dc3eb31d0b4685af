# fails: duplicates_have_no_effect, once_under_all_schedules, once_under_all_crashes -- "sooner or later twice"
def handle_event(conn, event):
    with conn.transaction():
        conn.execute(
            """INSERT INTO balances AS b VALUES (%s, %s)
               ON CONFLICT (customer_id) DO UPDATE SET points = b.points + excluded.points""",
            (event["customer_id"], event["points"]),
        )
