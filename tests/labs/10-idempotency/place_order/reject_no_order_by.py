# fails: order_kept, relay_survives_faults -- "as after CLUSTER" "Without ORDER BY"
# Takes whichever event the table gives first.
def place_order(conn: psycopg.Connection, order: dict) -> None:
    with conn.transaction():
        conn.execute("INSERT INTO orders (id, customer_id, total) VALUES (%(id)s, %(customer_id)s, %(total)s)", order)
        conn.execute(
            "INSERT INTO outbox (topic, key, value) VALUES ('orders', %s, %s)",
            [
                str(order["customer_id"]),
                Jsonb({"order_id": order["id"], "customer_id": order["customer_id"], "total": order["total"]}),
            ],
        )


RELAY_LOCK = 4711


def relay(conn: psycopg.Connection, broker) -> None:
    """One relay at a time; an event is marked, and the mark committed, as soon as the broker has it."""
    while True:
        with conn.transaction():
            conn.execute("SELECT pg_advisory_xact_lock(%s)", [RELAY_LOCK])
            event = conn.execute(
                "SELECT id, topic, key, value FROM outbox WHERE published_at IS NULL LIMIT 1"
            ).fetchone()
            if event is None:
                return
            number, topic, key, value = event
            broker.publish(topic, key, value)
            conn.execute("UPDATE outbox SET published_at = now() WHERE id = %s", [number])
