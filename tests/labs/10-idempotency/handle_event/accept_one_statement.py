# accepts: everything in one statement; clever
def handle_event(conn, event: dict) -> None:
    conn.execute(
        """WITH fresh AS (INSERT INTO inbox (event_id) VALUES (%(id)s) ON CONFLICT DO NOTHING RETURNING event_id)
           INSERT INTO balances (customer_id, points)
           SELECT %(customer_id)s, %(points)s FROM fresh
           ON CONFLICT (customer_id) DO UPDATE SET points = balances.points + excluded.points""",
        {k: event[k] for k in ("id", "customer_id", "points")},
    )
    conn.commit()
