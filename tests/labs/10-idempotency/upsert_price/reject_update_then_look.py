# fails: newest_wins_under_all_schedules -- "what was there before"
# Between the update that found no row and the look that finds one, an older price was inserted.
def upsert_price(conn, sku, price, at):
    while True:
        try:
            with conn.transaction():
                n = conn.execute(
                    "UPDATE prices SET price = %(p)s, at = %(at)s WHERE sku = %(sku)s AND at <= %(at)s",
                    {"p": price, "at": at, "sku": sku},
                ).rowcount
                if n == 0 and not conn.execute("SELECT 1 FROM prices WHERE sku = %s", [sku]).fetchone():
                    conn.execute("INSERT INTO prices VALUES (%s, %s, %s)", [sku, price, at])
            return
        except psycopg.errors.UniqueViolation:
            continue
