# fails: never_overwritten -- "overwrote" "leaves a gap"
# Works for one user at a time.
def rename_product(conn, product_id, name, expected_version):
    with conn.transaction():
        row = conn.execute("SELECT version FROM products WHERE id = %s", (product_id,)).fetchone()
        if row is None:
            raise UnknownProduct(product_id)
        if row[0] != expected_version:
            raise StaleVersion(product_id)
        conn.execute(
            "UPDATE products SET name = %s, version = %s WHERE id = %s", (name, expected_version + 1, product_id)
        )
