# accepts: a short transaction that locks, compares, writes; tells unknown from stale
class Changed(Exception):
    """Somebody was faster."""


def rename_product(conn, product_id, name, expected_version):
    try:
        with conn.cursor() as cur:
            cur.execute("SELECT version FROM products WHERE id = %s FOR UPDATE", (product_id,))
            row = cur.fetchone()
            if row is None:
                raise UnknownProduct(product_id)
            (version,) = row
            if version != expected_version:
                raise Changed(f"{version} is current")
            cur.execute(
                "UPDATE products SET name = %s, version = %s WHERE id = %s", (name, version + 1, product_id)
            )
        conn.commit()
    finally:
        conn.rollback()
