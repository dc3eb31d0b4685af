# fails: every_call_returns -- "while two older ones are being written" "SerializationFailure"
# Under REPEATABLE READ an upsert is refused as well when somebody else has written; it is repeated once.
def upsert_price(conn, sku, price, at):
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    for attempt in (1, 2):
        try:
            with conn.transaction():
                conn.execute(
                    """INSERT INTO prices AS p (sku, price, at) VALUES (%s, %s, %s)
                       ON CONFLICT (sku) DO UPDATE SET price = excluded.price, at = excluded.at WHERE p.at < excluded.at""",
                    (sku, price, at),
                )
            return
        except psycopg.errors.SerializationFailure:
            if attempt == 2:
                raise
