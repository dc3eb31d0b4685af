# accepts: follows the chain in Python, cancels what the root runs
def who_blocks_whom(conn):
    conn.autocommit = True
    blockers = {
        pid: found
        for pid, found in conn.execute(
            "SELECT pid, pg_blocking_pids(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
        if found
    }
    if not blockers:
        return None
    pid = next(iter(blockers))
    while pid in blockers:
        pid = blockers[pid][0]
    conn.execute("SELECT pg_cancel_backend(%s)", [pid])
    return pid
