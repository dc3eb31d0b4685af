# fails: newer_price_stored -- "must be" "its moment, on nothing else"
# Duplicates are no problem any more, and neither are new prices.
def upsert_price(conn, sku, price, at):
    with conn.transaction():
        conn.execute("INSERT INTO prices VALUES (%s, %s, %s) ON CONFLICT (sku) DO NOTHING", (sku, price, at))
