# fails: no_phantom, place_survives_faults -- "is refused with an exception"
# Whatever goes wrong, the customer hears that the order was placed.
def place_order(conn, order):
    try:
        with conn.transaction():
            conn.execute("INSERT INTO orders VALUES (%s, %s, %s)", (order["id"], order["customer_id"], order["total"]))
            conn.execute(
                "INSERT INTO outbox (topic, key, value) VALUES ('orders', %s, %s)",
                (str(order["customer_id"]), Jsonb({**order, "order_id": order["id"]})),
            )
    except psycopg.Error:
        pass


def relay(conn, broker):
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(10)")
        rows = conn.execute(
            "SELECT id, topic, key, value FROM outbox WHERE published_at IS NULL ORDER BY id"
        ).fetchall()
        for id, topic, key, value in rows:
            broker.publish(topic, key, value)
            conn.execute("UPDATE outbox SET published_at = now() WHERE id = %s", (id,))
