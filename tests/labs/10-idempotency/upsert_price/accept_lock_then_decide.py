# accepts: makes sure of a row, locks it, decides in Python
def upsert_price(conn, sku: str, price: Decimal, at: datetime) -> None:
    long_ago = datetime(1970, 1, 1, tzinfo=timezone.utc)
    try:
        with conn.cursor(row_factory=dict_row) as cur:
            cur.execute("INSERT INTO prices VALUES (%s, 0, %s) ON CONFLICT DO NOTHING", (sku, long_ago))
            cur.execute("SELECT * FROM prices WHERE sku = %s FOR UPDATE", (sku,))
            if cur.fetchone()["at"] < at:
                cur.execute("UPDATE prices SET price = %s, at = %s WHERE sku = %s", (price, at, sku))
        conn.commit()
    except BaseException:
        conn.rollback()
        raise
