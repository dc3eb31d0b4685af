# accepts: an advisory lock of the session, no transaction open while the job runs
def nightly_job(conn, job):
    conn.autocommit = True
    if not conn.execute("SELECT pg_try_advisory_lock(4, 7)").fetchone()[0]:
        return
    try:
        if conn.execute("SELECT 1 FROM job_runs WHERE night = current_date").fetchone() is None:
            job()
            conn.execute("INSERT INTO job_runs (night) VALUES (current_date)")
    finally:
        conn.execute("SELECT pg_advisory_unlock(4, 7)")
