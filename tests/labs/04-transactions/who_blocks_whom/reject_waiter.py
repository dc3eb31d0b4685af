# fails: names_the_root, ends_the_root -- "waits itself"
# Whoever waits longest is taken for the culprit.
def who_blocks_whom(conn):
    row = conn.execute(
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' ORDER BY query_start LIMIT 1"
    ).fetchone()
    if row:
        conn.execute("SELECT pg_terminate_backend(%s)", row)
    conn.commit()
    return row[0] if row else None
