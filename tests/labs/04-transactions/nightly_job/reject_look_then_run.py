# fails: once_under_all_schedules, losers_return -- "the job ran 2 times" "leaves a gap"
def nightly_job(conn, job):
    with conn.transaction():
        if conn.execute("SELECT 1 FROM job_runs WHERE night = current_date").fetchone():
            return False
        job()
        conn.execute("INSERT INTO job_runs (night) VALUES (current_date)")
    return True
