# fails: right_numbers -- "December" "ValueError"
# Month 13.
def monthly_report(conn, month):
    span = (f"{month}T00:00Z", f"{month.replace(month=month.month + 1)}T00:00Z")
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with conn.transaction():
        orders, revenue = conn.execute(
            "SELECT count(*), coalesce(sum(total), 0) FROM orders WHERE placed_at >= %s AND placed_at < %s", span
        ).fetchone()
        (paid,) = conn.execute(
            "SELECT coalesce(sum(amount), 0) FROM payments JOIN orders ON orders.id = order_id"
            " WHERE payments.status = 'captured' AND placed_at >= %s AND placed_at < %s",
            span,
        ).fetchone()
    return {"orders": orders, "revenue": revenue, "paid": paid}
