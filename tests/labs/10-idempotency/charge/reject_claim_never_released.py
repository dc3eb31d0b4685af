# fails: finds_out_at_once, finds_out_later, one_charge_under_all_faults -- "charg"
# Claims the order before it asks; whoever dies with the claim leaves it for ever.
def charge(conn, provider, order_id):
    with conn.transaction():
        row = conn.execute("SELECT amount, status, charge_id FROM orders WHERE id = %s FOR UPDATE", (order_id,)).fetchone()
        if row is None:
            raise UnknownOrder(order_id)
        if row[1] == "paid":
            return row[2]
        if row[1] != "pending":
            raise PaymentDeclined(f"order {order_id} is {row[1]}")
        conn.execute("UPDATE orders SET status = 'charging' WHERE id = %s", (order_id,))
    try:
        made = provider.charge(amount=row[0], reference=f"order-{order_id}", idempotency_key=f"order-{order_id}")
    except ProviderRefused:
        with conn.transaction():
            conn.execute("UPDATE orders SET status = 'declined' WHERE id = %s", (order_id,))
        raise PaymentDeclined(order_id)
    with conn.transaction():
        conn.execute("UPDATE orders SET status = 'paid', charge_id = %s WHERE id = %s", (made["id"], order_id))
    return made["id"]
