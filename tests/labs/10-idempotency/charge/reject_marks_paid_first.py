# fails: refusals_are_final, finds_out_at_once, finds_out_later, one_charge_under_all_faults -- "never charged"
# Paid before it is: safe from charging twice, and from charging at all.
def charge(conn, provider, order_id):
    with conn.transaction():
        row = conn.execute(
            "UPDATE orders SET status = 'paid' WHERE id = %s AND status = 'pending' RETURNING amount", (order_id,)
        ).fetchone()
    if row is None:
        known = conn.execute("SELECT charge_id FROM orders WHERE id = %s", (order_id,)).fetchone()
        if known is None:
            raise UnknownOrder(order_id)
        return known[0]
    made = provider.charge(amount=row[0], reference=f"order-{order_id}", idempotency_key=f"order-{order_id}")
    with conn.transaction():
        conn.execute("UPDATE orders SET charge_id = %s WHERE id = %s", (made["id"], order_id))
    return made["id"]
