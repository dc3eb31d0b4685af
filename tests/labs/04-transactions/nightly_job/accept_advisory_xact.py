# accepts: an advisory lock of the transaction, then a look, then the job, then the record
def nightly_job(conn, job):
    with conn.transaction():
        (mine,) = conn.execute("SELECT pg_try_advisory_xact_lock(hashtext('nightly'))").fetchone()
        if not mine:
            return False
        if conn.execute("SELECT 1 FROM job_runs WHERE night = current_date").fetchone():
            return False
        job()
        conn.execute("INSERT INTO job_runs (night) VALUES (current_date)")
    return True
