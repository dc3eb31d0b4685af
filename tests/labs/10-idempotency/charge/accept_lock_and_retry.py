# accepts: holds the order's row while it asks, and asks up to five times itself
class Declined(Exception):
    pass


def charge(conn, provider, order_id):
    with conn.transaction():
        row = conn.execute("SELECT amount, status, charge_id FROM orders WHERE id = %s FOR UPDATE", (order_id,)).fetchone()
        if row is None:
            raise UnknownOrder(str(order_id))
        if row[1] == "paid":
            return row[2]
        made = None
        if row[1] != "declined":
            for attempt in range(5):
                try:
                    known = provider.find(f"order-{order_id}")
                    made = known[0] if known else provider.charge(
                        amount=row[0], reference=f"order-{order_id}", idempotency_key=f"charge:{order_id}"
                    )
                    break
                except ProviderRefused:
                    conn.execute("UPDATE orders SET status = 'declined' WHERE id = %s", (order_id,))
                    break
                except ProviderError:
                    if attempt == 4:
                        raise PaymentUnknown(str(order_id))
            if made:
                conn.execute("UPDATE orders SET status = 'paid', charge_id = %s WHERE id = %s", (made["id"], order_id))
    if made is None:
        raise Declined(str(order_id))
    return made["id"]
