# fails: newest_wins_under_all_schedules, every_call_returns, survives_every_cut -- "half of it is there" "what is gone then is gone"
# Deletes what is older and commits, then inserts.
def upsert_price(conn, sku, price, at):
    conn.execute("DELETE FROM prices WHERE sku = %s AND at < %s", (sku, at))
    conn.commit()
    if conn.execute("SELECT 1 FROM prices WHERE sku = %s", (sku,)).fetchone() is None:
        conn.execute("INSERT INTO prices VALUES (%s, %s, %s)", (sku, price, at))
    conn.commit()
