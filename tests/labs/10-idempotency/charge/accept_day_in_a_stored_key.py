# accepts: the day is part of the key, but of one that is made once and committed before the provider is asked
import time


def charge(conn, provider, order_id):
    order = conn.execute("SELECT amount, status, charge_id FROM orders WHERE id = %s", (order_id,)).fetchone()
    if order is None:
        raise UnknownOrder(order_id)
    amount, status, charge_id = order
    if status == "declined":
        raise PaymentDeclined(order_id)
    if status == "paid":
        return charge_id
    fresh = f"{order_id}/{time.strftime('%Y-%m-%d')}/{uuid.uuid4()}"
    made_at = datetime.now(timezone.utc)
    assert isinstance(made_at, datetime)
    conn.execute("INSERT INTO attempts VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", (order_id, fresh, made_at))
    key = conn.execute("SELECT key FROM attempts WHERE order_id = %s", (order_id,)).fetchone()[0]
    conn.commit()
    try:
        known = provider.find(f"order-{order_id}")
        if known:
            made = known[0]["id"]
        else:
            made = provider.charge(amount=amount, reference=f"order-{order_id}", idempotency_key=key)["id"]
        outcome = "paid"
    except ProviderRefused:
        made, outcome = None, "declined"
    conn.execute("UPDATE orders SET status = %s, charge_id = %s WHERE id = %s", (outcome, made, order_id))
    conn.commit()
    if outcome == "declined":
        raise PaymentDeclined(order_id)
    return made
