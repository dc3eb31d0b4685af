# accepts: a conditional update, else an insert, all of it again when somebody else inserts first
def upsert_price(conn, sku, price, at):
    values = {"p": price, "at": at, "sku": sku}
    for attempt in range(10):
        cur = conn.cursor()
        cur.execute("SELECT at FROM prices WHERE sku = %(sku)s FOR UPDATE", values)
        known = cur.fetchone()
        if known and known[0] >= at:
            conn.rollback()
            return
        if known:
            cur.execute("UPDATE prices SET price = %(p)s, at = %(at)s WHERE sku = %(sku)s", values)
            conn.commit()
            return
        try:
            cur.execute("INSERT INTO prices (sku, price, at) VALUES (%(sku)s, %(p)s, %(at)s)", values)
            conn.commit()
            return
        except psycopg.errors.UniqueViolation:
            conn.rollback()
    raise RuntimeError("too many others")
