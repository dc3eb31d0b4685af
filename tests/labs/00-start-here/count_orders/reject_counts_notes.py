# fails: counts_their_orders -- "passes over NULLs"
def count_orders(conn, customer_id):
    return conn.execute("SELECT count(note) FROM orders WHERE customer_id = %s", (customer_id,)).fetchone()[0]
