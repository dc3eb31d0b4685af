# fails: all_out -- "10 of 101 events are out"
def place_order(conn, order):
    with conn.transaction():
        conn.execute("INSERT INTO orders (id, customer_id, total) VALUES (%(id)s, %(customer_id)s, %(total)s)", order)
        told = {"order_id": order["id"], "customer_id": order["customer_id"], "total": order["total"]}
        conn.execute("INSERT INTO outbox (topic, key, value) VALUES ('orders', %s, %s)", [str(order["customer_id"]), Jsonb(told)])


def relay(conn, broker):
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(10)")
        for number, key, value in conn.execute("SELECT id, key, value FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT 10").fetchall():
            broker.publish("orders", key, value)
            conn.execute("UPDATE outbox SET published_at = now() WHERE id = %s", [number])
