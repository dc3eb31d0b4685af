# fails: failure_not_recorded -- "ran 0 times" "also when the job fails"
# Gives back the lock of its session only when all goes well.
def nightly_job(conn, job):
    if not conn.execute("SELECT pg_try_advisory_lock(4711)").fetchone()[0]:
        conn.rollback()
        return
    if not conn.execute("SELECT 1 FROM job_runs WHERE night = current_date").fetchone():
        job()
        conn.execute("INSERT INTO job_runs (night) VALUES (current_date)")
    conn.commit()
    conn.execute("SELECT pg_advisory_unlock(4711)")
    conn.commit()
