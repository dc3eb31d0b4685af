# fails: ends_the_root -- "goes on holding its lock" "frees nobody"
def who_blocks_whom(conn):
    row = conn.execute(
        "SELECT b FROM pg_stat_activity a, unnest(pg_blocking_pids(a.pid)) AS b"
        " WHERE cardinality(pg_blocking_pids(b)) = 0 LIMIT 1"
    ).fetchone()
    conn.commit()
    return row and row[0]
