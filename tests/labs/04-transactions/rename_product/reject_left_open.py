# fails: nothing_held_while_thinking -- "left its transaction open" "for as long as the user thinks"
# Right in every race, but after a refusal the transaction stays open under the user's coffee break.
def rename_product(conn, product_id, name, expected_version):
    row = conn.execute("SELECT version FROM products WHERE id = %s FOR UPDATE", (product_id,)).fetchone()
    if row is None:
        raise UnknownProduct(product_id)
    if row[0] != expected_version:
        raise StaleVersion(product_id)
    conn.execute("UPDATE products SET name = %s, version = version + 1 WHERE id = %s", (name, product_id))
    conn.commit()
