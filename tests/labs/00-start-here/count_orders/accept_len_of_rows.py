# accepts: fetches the rows and counts them itself
def count_orders(conn, customer_id):
    with conn.cursor() as cur:
        cur.execute("select id from orders where customer_id = %(c)s", {"c": customer_id})
        return len(cur.fetchall())
