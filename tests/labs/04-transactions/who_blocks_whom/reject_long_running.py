# fails: names_the_root, ends_the_root -- "the report that nobody waits for"
# The longest running query is ended, whether or not anybody waits for it.
def who_blocks_whom(conn):
    row = conn.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
        " AND pid <> pg_backend_pid() ORDER BY query_start LIMIT 1"
    ).fetchone()
    if row:
        conn.execute("SELECT pg_cancel_backend(%s)", row)
    conn.commit()
    return row and row[0]
