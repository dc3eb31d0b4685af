# fails: finds_out_at_once -- "7 replies in a row fail" "the order is declined"
# Asks three times; what fails three times is taken for a refusal.
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
        for attempt in range(3):
            try:
                found = provider.find(reference)
                made = found[0] if found else provider.charge(amount=amount, reference=reference, idempotency_key=reference)
                break
            except (ProviderTimeout, ProviderUnavailable):
                if attempt == 2:
                    raise
    except ProviderError as refusal:
        with conn.transaction():
            conn.execute("UPDATE orders SET status = 'declined' WHERE id = %s", (order_id,))
        raise PaymentDeclined(order_id) from refusal
    with conn.transaction():
        conn.execute("UPDATE orders SET status = 'paid', charge_id = %s WHERE id = %s", (made["id"], order_id))
    return made["id"]
