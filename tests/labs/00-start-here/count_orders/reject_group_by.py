# fails: nobody_is_zero -- "0 for a customer without orders" "GROUP BY makes no group of no rows"
def count_orders(conn, customer_id):
    row = conn.execute(
        "SELECT count(*) FROM orders WHERE customer_id = %s GROUP BY customer_id", (customer_id,)
    ).fetchone()
    return row[0]
