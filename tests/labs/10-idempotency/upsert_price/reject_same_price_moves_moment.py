# fails: order_does_not_matter -- "then the first once more"
def upsert_price(conn, sku, price, at):
    # a late confirmation of the price that stands moves its moment back
    with conn.transaction():
        conn.execute("INSERT INTO prices AS p VALUES (%s, %s, %s) ON CONFLICT (sku) DO UPDATE SET price = excluded.price, at = excluded.at WHERE p.at < excluded.at OR p.price = excluded.price", (sku, price, at))
