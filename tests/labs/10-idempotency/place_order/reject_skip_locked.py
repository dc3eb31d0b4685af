# fails: relays_do_not_overtake -- "overtake each other" "the events came in the order"
# Two relays share the work.
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
    while True:
        with conn.transaction():
            row = conn.execute(
                """SELECT id, topic, key, value FROM outbox WHERE published_at IS NULL
                   ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"""
            ).fetchone()
            if row is None:
                return
            broker.publish(*row[1:])
            conn.execute("UPDATE outbox SET published_at = now() WHERE id = %s", (row[0],))
