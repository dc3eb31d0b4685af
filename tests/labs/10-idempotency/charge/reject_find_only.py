# fails: finds_out_at_once, one_charge_under_all_schedules, one_charge_under_all_faults -- "charged 2 times" "may not show it"
# Looks first, and believes that what does not show does not exist.
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
        made = found[0] if found else provider.charge(amount=amount, reference=reference)
    except ProviderRefused as refusal:
        with conn.transaction():
            conn.execute("UPDATE orders SET status = 'declined' WHERE id = %s", (order_id,))
        raise PaymentDeclined(order_id) from refusal
    except (ProviderTimeout, ProviderUnavailable) as trouble:
        raise PaymentUnknown(order_id) from trouble
    with conn.transaction():
        conn.execute("UPDATE orders SET status = 'paid', charge_id = %s WHERE id = %s", (made["id"], order_id))
    return made["id"]
