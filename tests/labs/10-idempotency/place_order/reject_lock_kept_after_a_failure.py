# fails: place_survives_faults, relay_survives_faults -- "a lock of that call is still held" "Give it back whatever happens"
# The lock of the session is not given back when the broker fails.
def place_order(conn, order):
    with conn.transaction():
        conn.execute("INSERT INTO orders VALUES (%(id)s, %(customer_id)s, %(total)s)", order)
        conn.execute("INSERT INTO outbox (topic, key, value) VALUES (%s, %s, %s)", ["orders", str(order["customer_id"]),
            Jsonb({"order_id": order["id"], "customer_id": order["customer_id"], "total": order["total"]})])


def relay(conn, broker):
    if not conn.execute("SELECT pg_try_advisory_lock(42)").fetchone()[0]:
        conn.rollback()
        return
    rows = conn.execute("SELECT id, topic, key, value FROM outbox WHERE published_at IS NULL ORDER BY id").fetchall()
    for number, topic, key, value in rows:
        broker.publish(topic, key, value)
        conn.execute("UPDATE outbox SET published_at = now() WHERE id = %s", [number])
        conn.commit()
    conn.execute("SELECT pg_advisory_unlock(42)")
    conn.commit()
