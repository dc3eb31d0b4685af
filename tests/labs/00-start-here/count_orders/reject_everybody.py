# fails: counts_their_orders -- "the whole table is counted"
def count_orders(conn, customer_id):
    return conn.execute("SELECT count(*) FROM orders").fetchone()[0]
