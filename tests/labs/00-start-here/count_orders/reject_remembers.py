# fails: sees_new_orders -- "after one more order" "the database is asked each time"
known = {}


def count_orders(conn, customer_id):
    if customer_id not in known:
        known[customer_id] = conn.execute(
            "SELECT count(*) FROM orders WHERE customer_id = %s", (customer_id,)
        ).fetchone()[0]
    return known[customer_id]
