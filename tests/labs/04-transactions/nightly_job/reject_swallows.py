# fails: failure_not_recorded -- "stands in job_runs as if it were done"
def nightly_job(conn, job):
    with conn.transaction():
        (mine,) = conn.execute("SELECT pg_try_advisory_xact_lock(42)").fetchone()
        if not mine or conn.execute("SELECT 1 FROM job_runs WHERE night = current_date").fetchone():
            return
        try:
            job()
        except Exception as error:
            print("job failed", error)
        conn.execute("INSERT INTO job_runs (night) VALUES (current_date)")
