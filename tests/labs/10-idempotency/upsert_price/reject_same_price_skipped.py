# fails: order_does_not_matter -- "the same price confirmed later" "A confirmation speaks of one too"
# An unchanged price is not written, to spare the disk; its moment is lost.
def upsert_price(conn, sku, price, at):
    with conn.transaction():
        conn.execute(
            """INSERT INTO prices AS p VALUES (%s, %s, %s)
               ON CONFLICT (sku) DO UPDATE SET price = excluded.price, at = excluded.at
               WHERE p.at < excluded.at AND p.price <> excluded.price""",
            (sku, price, at),
        )
