# fails: order_kept -- "the broker is away for 8 runs"
def place_order(conn, order):
    with conn.transaction():
        conn.execute("INSERT INTO orders (id, customer_id, total) VALUES (%(id)s, %(customer_id)s, %(total)s)", order)
        told = {"order_id": order["id"], "customer_id": order["customer_id"], "total": order["total"]}
        conn.execute("INSERT INTO outbox (topic, key, value) VALUES ('orders', %s, %s)", [str(order["customer_id"]), Jsonb(told)])


def relay(conn, broker):
    with conn.transaction():
        conn.execute("CREATE TABLE IF NOT EXISTS tries (id bigint PRIMARY KEY, n int)")
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(10)")
        for id, *message in conn.execute("SELECT id, topic, key, value FROM outbox WHERE published_at IS NULL ORDER BY id").fetchall():
            try:
                broker.publish(*message)
            except BrokerUnavailable:
                n = conn.execute("INSERT INTO tries AS t VALUES (%s, 1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1 RETURNING n", [id]).fetchone()[0]
                if n < 3:
                    return
            conn.execute("UPDATE outbox SET published_at = now() WHERE id = %s", [id])
