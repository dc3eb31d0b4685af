# fails: names_the_root, ends_the_root -- "older than all others" "goes on holding its lock"
SQL = """
SELECT pid FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
 ORDER BY xact_start LIMIT 1
"""


def who_blocks_whom(conn):
    row = conn.execute(SQL).fetchone()
    if row:
        conn.execute("SELECT pg_terminate_backend(%s)", row)
    conn.commit()
    return row and row[0]
