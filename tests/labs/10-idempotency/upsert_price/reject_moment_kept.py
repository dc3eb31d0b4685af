# fails: newer_price_stored -- "must be"
# The price is replaced, the moment it belongs to is not.
def upsert_price(conn, sku, price, at):
    with conn.transaction():
        conn.execute(
            """INSERT INTO prices AS p VALUES (%s, %s, %s)
               ON CONFLICT (sku) DO UPDATE SET price = excluded.price WHERE p.at < excluded.at""",
            (sku, price, at),
        )
