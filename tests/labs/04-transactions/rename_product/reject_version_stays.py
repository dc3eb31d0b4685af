# fails: renames -- "in version 7" "must move on with every write"
def rename_product(conn, product_id, name, expected_version):
    with conn.transaction():
        cur = conn.execute(
            "UPDATE products SET name = %s WHERE id = %s AND version = %s", (name, product_id, expected_version)
        )
        if cur.rowcount == 0:
            raise StaleVersion(product_id)
