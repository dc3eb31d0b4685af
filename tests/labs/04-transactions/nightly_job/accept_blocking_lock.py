# accepts: waits for a lock of the session, then looks
def nightly_job(conn, job):
    conn.execute("SELECT pg_advisory_lock(1)")
    conn.commit()
    try:
        done = conn.execute("SELECT count(*) FROM job_runs WHERE night = CURRENT_DATE").fetchone()[0]
        if not done:
            job()
            conn.execute("INSERT INTO job_runs(night) VALUES (CURRENT_DATE)")
        conn.commit()
    finally:
        conn.rollback()
        conn.execute("SELECT pg_advisory_unlock(1)")
        conn.commit()
