# fails: newer_price_stored -- "transaction still open" "rolled back by whoever gets the connection next"
def upsert_price(conn, sku, price, at):
    conn.execute(
        """INSERT INTO prices AS p VALUES (%s, %s, %s) ON CONFLICT (sku)
           DO UPDATE SET price = excluded.price, at = excluded.at WHERE p.at < excluded.at""",
        (sku, price, at),
    )
