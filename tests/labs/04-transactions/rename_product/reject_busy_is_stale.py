# fails: fresh_writer_wins -- "raised StaleVersion" "finds it locked"
# Takes a locked row for a changed one.
def rename_product(conn, product_id, name, expected_version):
    try:
        with conn.transaction():
            row = conn.execute(
                "SELECT version FROM products WHERE id=%s FOR UPDATE NOWAIT", (product_id,)
            ).fetchone()
            if row is None:
                raise UnknownProduct()
            if row[0] != expected_version:
                raise StaleVersion()
            conn.execute("UPDATE products SET name=%s, version=version+1 WHERE id=%s", (name, product_id))
    except psycopg.errors.LockNotAvailable:
        raise StaleVersion()
