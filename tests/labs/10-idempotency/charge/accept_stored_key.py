# accepts: a random key, committed before the provider is asked; looks for older charges first
def charge(conn, provider, order_id):
    with conn.cursor(row_factory=dict_row) as cur:
        cur.execute("SELECT * FROM orders WHERE id = %s", (order_id,))
        order = cur.fetchone()
        if not order:
            raise UnknownOrder(f"order {order_id}")
        if order["status"] == "declined":
            raise PaymentDeclined(f"order {order_id}")
        if order["status"] == "paid":
            return order["charge_id"]
        cur.execute(
            "INSERT INTO attempts (order_id, key) VALUES (%s, %s) ON CONFLICT DO NOTHING", (order_id, str(uuid.uuid4()))
        )
        cur.execute("SELECT key FROM attempts WHERE order_id = %s", (order_id,))
        key = cur.fetchone()["key"]
    conn.commit()
    before = provider.find(f"order-{order_id}")
    if before:
        made = before[0]
    else:
        try:
            made = provider.charge(amount=order["amount"], reference=f"order-{order_id}", idempotency_key=key)
        except ProviderRefused:
            conn.execute("UPDATE orders SET status = 'declined' WHERE id = %s", (order_id,))
            conn.commit()
            raise PaymentDeclined(f"order {order_id}") from None
    conn.execute("UPDATE orders SET status = 'paid', charge_id = %s WHERE id = %s", (made["id"], order_id))
    conn.commit()
    return made["id"]
