# accepts: a scalar subquery with named rows, in a transaction of its own
from psycopg.rows import dict_row


def count_orders(conn, customer_id):
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cur:
        row = cur.execute(
            "SELECT coalesce((SELECT count(*) FROM orders WHERE customer_id = %s GROUP BY customer_id), 0) AS n",
            [customer_id],
        ).fetchone()
        return row["n"]
