# fails: never_overwritten -- "calls returned for version" "leaves a gap"
# Compares the name again instead of the version: somebody may have saved it unchanged.
def rename_product(conn, product_id, name, expected_version):
    with conn.transaction():
        row = conn.execute("SELECT version, name FROM products WHERE id=%s", (product_id,)).fetchone()
        if row is None:
            raise UnknownProduct()
        if row[0] != expected_version:
            raise StaleVersion()
        if (
            conn.execute(
                "UPDATE products SET name=%s, version=version+1 WHERE id=%s AND name=%s",
                (name, product_id, row[1]),
            ).rowcount
            == 0
        ):
            raise StaleVersion()
