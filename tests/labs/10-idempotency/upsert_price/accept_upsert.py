# accepts: one upsert whose update carries the condition
def upsert_price(conn, sku, price, at):
    with conn.transaction():
        conn.execute(
            """INSERT INTO prices AS p (sku, price, at) VALUES (%s, %s, %s)
               ON CONFLICT (sku) DO UPDATE SET price = excluded.price, at = excluded.at WHERE p.at < excluded.at""",
            (sku, price, at),
        )
