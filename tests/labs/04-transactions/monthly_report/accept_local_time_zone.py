# accepts: one statement, dates read in a transaction whose time zone is UTC
def monthly_report(conn, month):
    conn.execute("SET LOCAL TIME ZONE 'UTC'")
    row = conn.execute(
        """SELECT count(*)::int, coalesce(sum(o.total), 0), coalesce(sum(p.s), 0) FROM orders o
        LEFT JOIN LATERAL (SELECT sum(amount) AS s FROM payments WHERE order_id = o.id AND status = 'captured') p ON true
        WHERE o.placed_at >= %(m)s::date AND o.placed_at < (%(m)s::date + interval '1 month')""",
        {"m": month},
    ).fetchone()
    conn.commit()
    return dict(zip(("orders", "revenue", "paid"), row))
