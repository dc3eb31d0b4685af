# fails: nobody_else -- "hit was also" "done no harm"
# Ends the root, and everybody in the chain who blocks somebody.
def who_blocks_whom(conn):
    holders = {
        pid
        for (pids,) in conn.execute("SELECT pg_blocking_pids(pid) FROM pg_stat_activity").fetchall()
        for pid in pids
    }
    waiting = {
        pid
        for (pid,) in conn.execute(
            "SELECT pid FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
        ).fetchall()
    }
    for pid in sorted(holders, key=lambda p: p not in waiting):
        conn.execute("SELECT pg_terminate_backend(%s)", [pid])
    conn.commit()
    return next(iter(holders - waiting), None)
