# fails: newest_wins_under_all_schedules, every_call_returns -- "what was there before" "both insert one"
# Right whenever messages come one by one.
def upsert_price(conn, sku, price, at):
    with conn.transaction():
        known = conn.execute("SELECT at FROM prices WHERE sku = %s", (sku,)).fetchone()
        if known is None:
            conn.execute("INSERT INTO prices (sku, price, at) VALUES (%s, %s, %s)", (sku, price, at))
        elif known[0] < at:
            conn.execute("UPDATE prices SET price = %s, at = %s WHERE sku = %s", (price, at, sku))
