# accepts: the blocker that has no blocker, ended
ROOT = """
SELECT DISTINCT blocker.pid
  FROM pg_stat_activity AS waiting,
       unnest(pg_blocking_pids(waiting.pid)) AS blocker (pid)
 WHERE waiting.datname = current_database()
   AND cardinality(pg_blocking_pids(blocker.pid)) = 0
"""


def who_blocks_whom(conn):
    row = conn.execute(ROOT).fetchone()
    if row is None:
        conn.rollback()
        return None
    conn.execute("SELECT pg_terminate_backend(%s)", row)
    conn.commit()
    return row[0]
