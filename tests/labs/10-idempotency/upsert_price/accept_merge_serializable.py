# accepts: SERIALIZABLE and MERGE, repeated on whatever the server refuses
def upsert_price(conn, sku, price, at):
    conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    while True:
        try:
            conn.execute(
                """MERGE INTO prices p USING (SELECT %s::text AS sku, %s::numeric AS price, %s::timestamptz AS at) n
                   ON p.sku = n.sku
                   WHEN MATCHED AND n.at > p.at THEN UPDATE SET price = n.price, at = n.at
                   WHEN MATCHED THEN DO NOTHING
                   WHEN NOT MATCHED THEN INSERT VALUES (n.sku, n.price, n.at)""",
                (sku, price, at),
            )
            conn.commit()
            return
        except (psycopg.errors.SerializationFailure, psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected):
            conn.rollback()
