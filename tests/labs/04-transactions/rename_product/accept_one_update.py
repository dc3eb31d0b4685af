# accepts: the version is compared in the UPDATE itself
def rename_product(conn, product_id, name, expected_version):
    with conn.transaction():
        cur = conn.execute(
            "UPDATE products SET name = %s, version = version + 1, updated_at = now() WHERE id = %s AND version = %s",
            (name, product_id, expected_version),
        )
        if cur.rowcount == 0:
            raise StaleVersion(f"product {product_id} is no longer in version {expected_version}")
    return expected_version + 1
