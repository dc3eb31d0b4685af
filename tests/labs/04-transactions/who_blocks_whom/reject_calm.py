# fails: calm_is_no_error -- "TypeError" "No pile-up, no root"
def who_blocks_whom(conn):
    (pid,) = conn.execute(
        "SELECT b FROM pg_stat_activity a, unnest(pg_blocking_pids(a.pid)) AS b"
        " WHERE cardinality(pg_blocking_pids(b)) = 0 LIMIT 1"
    ).fetchone()
    conn.execute("SELECT pg_terminate_backend(%s)", [pid])
    conn.commit()
    return pid
