# accepts: one lock a sku, then look and write; clumsy
def upsert_price(conn, sku, price, at):
    with conn:
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [sku])
        known = conn.execute("SELECT at FROM prices WHERE sku = %s", [sku]).fetchone()
        if known is None:
            conn.execute("INSERT INTO prices (sku, price, at) VALUES (%s, %s, %s)", [sku, price, at])
        elif known[0] < at:
            conn.execute("UPDATE prices SET price = %s, at = %s WHERE sku = %s", [price, at, sku])
