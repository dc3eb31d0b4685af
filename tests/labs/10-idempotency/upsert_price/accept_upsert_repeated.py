# accepts: an upsert under REPEATABLE READ, repeated for as long as the server refuses it
def upsert_price(conn, sku, price, at):
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    stored = False
    while not stored:
        try:
            with conn.transaction():
                conn.execute(
                    """INSERT INTO prices AS p (sku, price, at) VALUES (%s, %s, %s)
                       ON CONFLICT (sku) DO UPDATE SET price = excluded.price, at = excluded.at WHERE p.at < excluded.at""",
                    (sku, price, at),
                )
            stored = True
        except psycopg.errors.SerializationFailure:
            continue
