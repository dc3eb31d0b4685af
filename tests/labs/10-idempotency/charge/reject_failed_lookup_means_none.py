# fails: finds_out_later -- "look-ups fail twice" "charged 2 times"
# A look-up that fails is taken for one that finds nothing.
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
    try:
        found = provider.find(reference)
    except ProviderError:
        found = []
    try:
        made = found[0] if found else provider.charge(amount=amount, reference=reference, idempotency_key=reference)
    except ProviderRefused as refusal:
        with conn.transaction():
            conn.execute("UPDATE orders SET status = 'declined' WHERE id = %s", (order_id,))
        raise PaymentDeclined(order_id) from refusal
    except (ProviderTimeout, ProviderUnavailable) as trouble:
        raise PaymentUnknown(order_id) from trouble
    with conn.transaction():
        conn.execute("UPDATE orders SET status = 'paid', charge_id = %s WHERE id = %s", (made["id"], order_id))
    return made["id"]
