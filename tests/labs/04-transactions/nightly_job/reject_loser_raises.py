# fails: not_again_tonight, losers_return -- "UniqueViolation"
def nightly_job(conn, job):
    with conn.transaction():
        conn.execute("INSERT INTO job_runs (night) VALUES (current_date)")
        job()
