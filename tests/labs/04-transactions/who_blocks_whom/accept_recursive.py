# accepts: a recursive query over pg_locks; the result as a row
SQL = """
WITH RECURSIVE waits AS (
    SELECT w.pid AS waiter, unnest(pg_blocking_pids(w.pid)) AS holder
      FROM pg_locks w WHERE NOT w.granted
), chain AS (
    SELECT waiter, holder FROM waits
    UNION
    SELECT chain.waiter, waits.holder FROM chain JOIN waits ON waits.waiter = chain.holder
), root AS (
    SELECT DISTINCT holder FROM chain WHERE holder NOT IN (SELECT waiter FROM waits)
)
SELECT holder, pg_terminate_backend(holder) FROM root
"""


def who_blocks_whom(conn):
    with conn.transaction():
        rows = conn.execute(SQL).fetchall()
    return {"pid": rows[0][0]} if rows else None
