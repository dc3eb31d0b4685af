# fails: names_the_root, ends_the_root -- "the second in the pile" "most followers"
SQL = """
SELECT holder FROM (SELECT unnest(pg_blocking_pids(pid)) AS holder FROM pg_stat_activity) AS waits
 GROUP BY holder ORDER BY count(*) DESC, holder DESC LIMIT 1
"""


def who_blocks_whom(conn):
    row = conn.execute(SQL).fetchone()
    if row:
        conn.execute("SELECT pg_terminate_backend(%s)", row)
    conn.commit()
    return row and row[0]
