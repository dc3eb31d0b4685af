# accepts: first updater wins; the server's refusal is translated
def rename_product(conn, product_id, name, expected_version):
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with conn.transaction():
            row = conn.execute("SELECT version FROM products WHERE id = %s", [product_id]).fetchone()
            if row is None:
                raise UnknownProduct(product_id)
            if row[0] != expected_version:
                raise StaleVersion(row[0])
            conn.execute(
                "UPDATE products SET name = %s, version = version + 1 WHERE id = %s", [name, product_id]
            )
    except psycopg.errors.SerializationFailure as refused:
        raise StaleVersion("changed this very moment") from refused
