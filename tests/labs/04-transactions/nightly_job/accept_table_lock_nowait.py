# accepts: whoever finds the table locked leaves the job to its holder
def nightly_job(conn, job):
    try:
        with conn.transaction():
            conn.execute("LOCK TABLE job_runs IN EXCLUSIVE MODE NOWAIT")
            if conn.execute("SELECT 1 FROM job_runs WHERE night = current_date").fetchone():
                return
            job()
            conn.execute("INSERT INTO job_runs (night) VALUES (current_date)")
    except psycopg.errors.LockNotAvailable:
        pass
