# fails: once_under_all_schedules, losers_return -- "the job ran 2 times" "duplicate key"
# Python's hash() of a text is another in every process: each node takes a lock of its own.
def nightly_job(conn, job):
    with conn.transaction():
        if not conn.execute("SELECT pg_try_advisory_xact_lock(%s)", [hash("nightly_job")]).fetchone()[0]:
            return
        if conn.execute("SELECT 1 FROM job_runs WHERE night = current_date").fetchone():
            return
        job()
        conn.execute("INSERT INTO job_runs (night) VALUES (current_date)")
