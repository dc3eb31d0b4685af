# accepts: everything in one statement
from psycopg.rows import dict_row

REPORT = """
WITH month AS (
    SELECT id, total FROM orders
     WHERE date_trunc('month', placed_at AT TIME ZONE 'UTC') = %s::date
)
SELECT (SELECT count(*) FROM month) AS orders,
       (SELECT coalesce(sum(total), 0) FROM month) AS revenue,
       (SELECT coalesce(sum(amount), 0) FROM payments WHERE status = 'captured' AND order_id IN (SELECT id FROM month))
           AS paid
"""


def monthly_report(conn, month):
    return conn.cursor(row_factory=dict_row).execute(REPORT, [month]).fetchone()
