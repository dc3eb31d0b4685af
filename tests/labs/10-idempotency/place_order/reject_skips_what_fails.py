# fails: order_kept, relay_survives_faults -- "the events came in the order"
# A message that fails is left for later, the next one goes out.
def place_order(conn, order):
    with conn.transaction():
        conn.execute(
            "INSERT INTO orders VALUES (%s, %s, %s)", (order["id"], order["customer_id"], order["total"])
        )
        conn.execute(
            "INSERT INTO outbox (topic, key, value) VALUES ('orders', %s, %s)",
            (str(order["customer_id"]), Jsonb({"order_id": order["id"], "customer_id": order["customer_id"], "total": order["total"]})),
        )


def relay(conn, broker):
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(10)")
        rows = conn.execute(
            "SELECT id, topic, key, value FROM outbox WHERE published_at IS NULL ORDER BY id"
        ).fetchall()
        for id, topic, key, value in rows:
            try:
                broker.publish(topic, key, value)
            except BrokerUnavailable:
                continue
            conn.execute("UPDATE outbox SET published_at = now() WHERE id = %s", (id,))
