# fails: finds_out_at_once -- "just before midnight" "charged 2 times" "made from the day"
# A key for each order and day: whoever calls again after midnight has another one.
def charge(conn, provider, order_id):
    row = conn.execute("SELECT amount, status, charge_id FROM orders WHERE id = %s", (order_id,)).fetchone()
    conn.commit()
    if row is None:
        raise UnknownOrder(order_id)
    amount, status, charge_id = row
    if status == "paid":
        return charge_id
    if status == "declined":
        raise PaymentDeclined(order_id)
    reference = f"order-{order_id}"
    key = f"{reference}-{datetime.now(UTC):%Y-%m-%d}"
    try:
        found = provider.find(reference)
        made = found[0] if found else provider.charge(amount=amount, reference=reference, idempotency_key=key)
    except ProviderRefused as refusal:
        with conn.transaction():
            conn.execute("UPDATE orders SET status = 'declined' WHERE id = %s", (order_id,))
        raise PaymentDeclined(order_id) from refusal
    except (ProviderTimeout, ProviderUnavailable) as trouble:
        raise PaymentUnknown(order_id) from trouble
    with conn.transaction():
        conn.execute("UPDATE orders SET status = 'paid', charge_id = %s WHERE id = %s", (made["id"], order_id))
    return made["id"]
