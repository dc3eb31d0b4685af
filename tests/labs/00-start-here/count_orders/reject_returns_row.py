# fails: counts_their_orders -- "A row is a tuple"
def count_orders(conn, customer_id):
    return conn.execute("SELECT count(*) FROM orders WHERE customer_id = %s", (customer_id,)).fetchone()
