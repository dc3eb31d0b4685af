# fails: not_again_tonight -- "it ran once more" "not who has been"
def nightly_job(conn, job):
    with conn.transaction():
        (mine,) = conn.execute("SELECT pg_try_advisory_xact_lock(42)").fetchone()
        if mine:
            job()
            conn.execute("INSERT INTO job_runs (night) VALUES (current_date) ON CONFLICT DO NOTHING")
