# accepts: the uncommitted row is the lock; others wait for it and find it there
def nightly_job(conn, job):
    with conn.transaction():
        cur = conn.execute("INSERT INTO job_runs (night) VALUES (current_date) ON CONFLICT DO NOTHING")
        if cur.rowcount == 1:
            job()
