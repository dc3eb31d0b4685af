# fails: others_go_on -- "had to wait for" "one line"
# Waits for whoever placed the order before, so that numbers are in the order of the commits.
def place_order(conn, order):
    with conn.transaction():
        conn.execute("SELECT id FROM outbox ORDER BY id DESC LIMIT 1 FOR UPDATE")
        conn.execute(
            "INSERT INTO orders VALUES (%s, %s, %s)", (order["id"], order["customer_id"], order["total"])
        )
        conn.execute(
            "INSERT INTO outbox (topic, key, value) VALUES ('orders', %s, %s)",
            (str(order["customer_id"]), Jsonb({"order_id": order["id"], "customer_id": order["customer_id"], "total": order["total"]})),
        )


def relay(conn, broker):
    with conn:
        if not conn.execute("SELECT pg_try_advisory_xact_lock(4711)").fetchone()[0]:
            return
        done = []
        try:
            for row in conn.execute("SELECT id, topic, key, value FROM outbox WHERE published_at IS NULL ORDER BY id").fetchall():
                broker.publish(*row[1:])
                done.append(row[0])
        except BrokerUnavailable:
            pass
        conn.execute("UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY (%s)", (done,))
