# fails: order_does_not_matter -- "other time zones"
# Compares what the clocks on the wall said.
def upsert_price(conn, sku, price, at):
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (sku,))
        known = conn.execute("SELECT at FROM prices WHERE sku = %s", (sku,)).fetchone()
        if known is None:
            conn.execute("INSERT INTO prices VALUES (%s, %s, %s)", (sku, price, at.replace(tzinfo=UTC)))
        elif known[0].replace(tzinfo=None) < at.replace(tzinfo=None):
            conn.execute("UPDATE prices SET price = %s, at = %s WHERE sku = %s", (price, at.replace(tzinfo=UTC), sku))
