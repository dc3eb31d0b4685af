# fails: others_go_on -- "had to wait for" "the whole price list"
# Nobody comes between, and nobody else gets on either.
def upsert_price(conn, sku, price, at):
    with conn.transaction():
        conn.execute("LOCK TABLE prices IN SHARE ROW EXCLUSIVE MODE")
        known = conn.execute("SELECT at FROM prices WHERE sku = %s", (sku,)).fetchone()
        if known is None:
            conn.execute("INSERT INTO prices (sku, price, at) VALUES (%s, %s, %s)", (sku, price, at))
        elif known[0] < at:
            conn.execute("UPDATE prices SET price = %s, at = %s WHERE sku = %s", (price, at, sku))
