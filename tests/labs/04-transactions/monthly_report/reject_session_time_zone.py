# fails: right_numbers -- "midnight is another moment"
# A date becomes midnight where the session is, not in UTC.
def monthly_report(conn, month):
    with conn.transaction():
        row = conn.execute(
            """WITH m AS (SELECT id, total FROM orders WHERE placed_at >= %(m)s::date AND placed_at < %(m)s::date + interval '1 month')
            SELECT count(*), coalesce(sum(total), 0), (SELECT coalesce(sum(amount), 0) FROM payments JOIN m ON m.id = order_id WHERE status = 'captured') FROM m""",
            {"m": month},
        ).fetchone()
        return dict(zip(("orders", "revenue", "paid"), row))
