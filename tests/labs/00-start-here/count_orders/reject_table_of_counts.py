# fails: only_looks -- "order_counts" "kept up by every writer"
def count_orders(conn, customer_id):
    conn.execute("DROP TABLE IF EXISTS order_counts")
    conn.execute("CREATE TABLE order_counts AS SELECT customer_id, count(*) AS n FROM orders GROUP BY 1")
    conn.commit()
    row = conn.execute("SELECT n FROM order_counts WHERE customer_id = %s", (customer_id,)).fetchone()
    return row[0] if row else 0
