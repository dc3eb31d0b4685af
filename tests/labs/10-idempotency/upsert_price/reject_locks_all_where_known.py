# fails: others_go_on -- "had to wait for"
def upsert_price(conn, sku, price, at):
    with conn.transaction():
        if conn.execute("SELECT 1 FROM prices WHERE sku = %s", (sku,)).fetchone():
            conn.execute("LOCK TABLE prices IN SHARE ROW EXCLUSIVE MODE")
            conn.execute("UPDATE prices SET price = %s, at = %s WHERE sku = %s AND at < %s", (price, at, sku, at))
        else:
            conn.execute("INSERT INTO prices AS p VALUES (%s, %s, %s) ON CONFLICT (sku) DO UPDATE SET price = excluded.price, at = excluded.at WHERE p.at < excluded.at", (sku, price, at))
