# fails: one_snapshot -- "some of its numbers"
# Every query is a transaction of its own.
def monthly_report(conn, month):
    conn.autocommit = True
    year, number = (month.year + 1, 1) if month.month == 12 else (month.year, month.month + 1)
    span = (f"{month:%Y-%m-01} 00:00Z", f"{year}-{number:02}-01 00:00Z")
    orders, revenue = conn.execute(
        "SELECT count(*), coalesce(sum(total), 0) FROM orders WHERE placed_at >= %s AND placed_at < %s", span
    ).fetchone()
    (paid,) = conn.execute(
        "SELECT coalesce(sum(amount), 0) FROM payments JOIN orders ON orders.id = order_id"
        " WHERE payments.status = 'captured' AND placed_at >= %s AND placed_at < %s",
        span,
    ).fetchone()
    return {"orders": orders, "revenue": revenue, "paid": paid}
