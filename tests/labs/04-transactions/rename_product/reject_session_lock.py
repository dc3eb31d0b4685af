# fails: nothing_held_while_thinking, losers_hear_why -- "still holds an advisory lock" "never came back"
# An edit lock that nobody gives back.
def rename_product(conn, product_id, name, expected_version):
    conn.execute("SELECT pg_advisory_lock(%s)", (product_id,))
    cur = conn.execute(
        "UPDATE products SET name = %s, version = version + 1 WHERE id = %s AND version = %s",
        (name, product_id, expected_version),
    )
    if cur.rowcount == 0:
        conn.rollback()
        raise StaleVersion(product_id)
    conn.commit()
