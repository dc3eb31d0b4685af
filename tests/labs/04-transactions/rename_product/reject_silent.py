# fails: stale_writer_told -- "the call returned" "row count says whether"
# The stale writer believes that his name stands.
def rename_product(conn, product_id, name, expected_version):
    conn.execute(
        "UPDATE products SET name = %s, version = version + 1 WHERE id = %s AND version = %s",
        (name, product_id, expected_version),
    )
    conn.commit()
