# fails: finds_out_at_once, one_charge_under_all_schedules, one_charge_under_all_faults -- "charged 2 times"
# The key is stored, but in the transaction that ends when the provider fails.
def charge(conn, provider, order_id):
    with conn.transaction():
        row = conn.execute("SELECT amount, status, charge_id FROM orders WHERE id = %s", (order_id,)).fetchone()
        if row is None:
            raise UnknownOrder(order_id)
        if row[1] == "paid":
            return row[2]
        known = conn.execute("SELECT key FROM attempts WHERE order_id = %s", (order_id,)).fetchone()
        key = known[0] if known else str(uuid.uuid4())
        if not known:
            conn.execute("INSERT INTO attempts (order_id, key) VALUES (%s, %s) ON CONFLICT DO NOTHING", (order_id, key))
        made = None
        if row[1] == "pending":
            try:
                found = provider.find(f"order-{order_id}")
                made = found[0] if found else provider.charge(
                    amount=row[0], reference=f"order-{order_id}", idempotency_key=key
                )
            except ProviderRefused:
                conn.execute("UPDATE orders SET status = 'declined' WHERE id = %s", (order_id,))
            else:
                conn.execute("UPDATE orders SET status = 'paid', charge_id = %s WHERE id = %s", (made["id"], order_id))
    if made is None:
        raise PaymentDeclined(order_id)
    return made["id"]
