# fails: right_numbers -- "'revenue': None" "an empty month has zeros"
# An empty month has no sum.
def monthly_report(conn, month):
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    year, number = (month.year + 1, 1) if month.month == 12 else (month.year, month.month + 1)
    span = (f"{month:%Y-%m-01} 00:00Z", f"{year}-{number:02}-01 00:00Z")
    with conn.transaction():
        orders, revenue = conn.execute(
            "SELECT count(*), sum(total) FROM orders WHERE placed_at >= %s AND placed_at < %s", span
        ).fetchone()
        (paid,) = conn.execute(
            "SELECT sum(amount) FROM payments JOIN orders ON orders.id = order_id"
            " WHERE payments.status = 'captured' AND placed_at >= %s AND placed_at < %s",
            span,
        ).fetchone()
    return {"orders": orders, "revenue": revenue, "paid": paid}
