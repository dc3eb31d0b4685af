# fails: nothing_lost_meanwhile -- "given out before the commit" "never published"
# Remembers the highest number it has published.
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
        conn.execute("SELECT pg_advisory_xact_lock(3)")
        conn.execute("CREATE TABLE IF NOT EXISTS relayed (up_to bigint)")
        up_to = conn.execute("SELECT coalesce(max(up_to), 0) FROM relayed").fetchone()[0]
        for id, topic, key, value in conn.execute(
            "SELECT id, topic, key, value FROM outbox WHERE id > %s ORDER BY id", (up_to,)
        ).fetchall():
            broker.publish(topic, key, value)
            conn.execute("INSERT INTO relayed VALUES (%s)", (id,))
