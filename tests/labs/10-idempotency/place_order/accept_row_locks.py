# accepts: locks the rows in order, deletes what was published, stops quietly when the broker fails
def place_order(conn, order):
    event = {"order_id": order["id"], "customer_id": order["customer_id"], "total": order["total"]}
    conn.execute(
        """WITH placed AS (INSERT INTO orders VALUES (%(order_id)s, %(customer_id)s, %(total)s) RETURNING customer_id)
           INSERT INTO outbox (topic, key, value) SELECT 'orders', customer_id, %(event)s FROM placed""",
        {**event, "event": Jsonb(event)},
    )
    conn.commit()


def relay(conn, broker):
    while True:
        with conn.transaction(), conn.cursor(row_factory=dict_row) as cur:
            cur.execute("SELECT * FROM outbox ORDER BY id LIMIT 1 FOR UPDATE")
            event = cur.fetchone()
            if event is None:
                return
            try:
                broker.publish(event["topic"], event["key"], event["value"])
            except BrokerUnavailable:
                return
            cur.execute("DELETE FROM outbox WHERE id = %s", (event["id"],))
