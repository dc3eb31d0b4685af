# fails: once_under_all_schedules, losers_return -- "the job ran 2 times" "until the night is recorded"
# The lock is given back a moment before the record is committed.
def nightly_job(conn, job):
    if not conn.execute("SELECT pg_try_advisory_lock(42)").fetchone()[0]:
        conn.rollback()
        return
    try:
        if conn.execute("SELECT 1 FROM job_runs WHERE night = current_date").fetchone() is None:
            job()
            conn.execute("INSERT INTO job_runs (night) VALUES (current_date)")
    finally:
        conn.execute("SELECT pg_advisory_unlock(42)")
    conn.commit()
