# accepts: SERIALIZABLE READ ONLY, by hand
def monthly_report(conn, month):
    year, number = (month.year + 1, 1) if month.month == 12 else (month.year, month.month + 1)
    span = (f"{month:%Y-%m-01} 00:00Z", f"{year}-{number:02}-01 00:00Z")
    cur = conn.cursor()
    cur.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE")
    cur.execute("SELECT id, total FROM orders WHERE placed_at >= %s AND placed_at < %s", span)
    orders = dict(cur.fetchall())
    cur.execute("SELECT order_id, amount FROM payments WHERE status = 'captured'")
    paid = sum((amount for order, amount in cur.fetchall() if order in orders), Decimal(0))
    conn.commit()
    return {"orders": len(orders), "revenue": sum(orders.values(), Decimal(0)), "paid": paid}
