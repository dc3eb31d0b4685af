# fails: counts_their_orders -- "UndefinedColumn"
def count_orders(conn, customer_id):
    return conn.execute("SELECT count(*) FROM orders WHERE customer = %s", (customer_id,)).fetchone()[0]
