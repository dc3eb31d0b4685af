# fails: others_go_on -- "had to wait for" "nothing to do with each other"
def rename_product(conn, product_id, name, expected_version):
    with conn.transaction():
        conn.execute("LOCK TABLE products IN EXCLUSIVE MODE")
        cur = conn.execute(
            "UPDATE products SET name = %s, version = version + 1 WHERE id = %s AND version = %s",
            (name, product_id, expected_version),
        )
        if cur.rowcount == 0:
            raise StaleVersion(product_id)
