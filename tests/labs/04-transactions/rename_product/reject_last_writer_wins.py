# fails: stale_writer_told -- "an older version changes nothing"
# The version is counted and never compared.
def rename_product(conn, product_id, name, expected_version):
    with conn.transaction():
        cur = conn.execute(
            "UPDATE products SET name = %s, version = version + 1 WHERE id = %s", (name, product_id)
        )
        if cur.rowcount == 0:
            raise UnknownProduct(product_id)
