# accepts: one transaction at REPEATABLE READ
from datetime import timedelta


def monthly_report(conn, month):
    start = month.replace(day=1)
    end = (start + timedelta(days=32)).replace(day=1)
    span = {"a": f"{start} 00:00:00+00", "b": f"{end} 00:00:00+00"}
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    conn.read_only = True
    where = "placed_at >= %(a)s AND placed_at < %(b)s"
    with conn.transaction():
        (orders,) = conn.execute(f"SELECT count(*) FROM orders WHERE {where}", span).fetchone()
        (revenue,) = conn.execute(
            f"SELECT coalesce(sum(total), 0) FROM orders WHERE {where}", span
        ).fetchone()
        (paid,) = conn.execute(
            "SELECT coalesce(sum(p.amount), 0) FROM payments p JOIN orders o ON o.id = p.order_id"
            f" WHERE p.status = 'captured' AND {where}",
            span,
        ).fetchone()
    return {"orders": orders, "revenue": revenue, "paid": paid}
