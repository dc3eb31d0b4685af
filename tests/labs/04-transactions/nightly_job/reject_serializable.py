# fails: once_under_all_schedules, losers_return -- "the job ran 2 times" "SerializationFailure"
# The server refuses the second record; the second run has happened already.
def nightly_job(conn, job):
    conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    with conn.transaction():
        if not conn.execute("SELECT 1 FROM job_runs WHERE night = current_date").fetchone():
            job()
            conn.execute("INSERT INTO job_runs (night) VALUES (current_date)")
