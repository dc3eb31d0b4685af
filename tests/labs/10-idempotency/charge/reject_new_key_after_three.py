# fails: finds_out_at_once -- "7 replies in a row fail" "charged 3 times"
# A key that has failed three times is taken for a broken one and replaced.
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
    conn.execute("CREATE TABLE IF NOT EXISTS failures (order_id bigint)")
    failed = conn.execute("SELECT count(*) FROM failures WHERE order_id = %s", (order_id,)).fetchone()[0]
    conn.commit()
    try:
        found = provider.find(reference)
        made = found[0] if found else provider.charge(amount=amount, reference=reference, idempotency_key=f"{reference}-{failed // 3}")
    except ProviderRefused as refusal:
        with conn.transaction():
            conn.execute("UPDATE orders SET status = 'declined' WHERE id = %s", (order_id,))
        raise PaymentDeclined(order_id) from refusal
    except (ProviderTimeout, ProviderUnavailable) as trouble:
        conn.execute("INSERT INTO failures VALUES (%s)", (order_id,))
        conn.commit()
        raise PaymentUnknown(order_id) from trouble
    with conn.transaction():
        conn.execute("UPDATE orders SET status = 'paid', charge_id = %s WHERE id = %s", (made["id"], order_id))
    return made["id"]
