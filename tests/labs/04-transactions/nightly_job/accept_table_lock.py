# accepts: the clumsy one: a lock on the table of runs
def nightly_job(conn: psycopg.Connection, job) -> bool:
    cur = conn.cursor()
    try:
        cur.execute("LOCK TABLE job_runs IN EXCLUSIVE MODE")
        cur.execute("SELECT count(*) FROM job_runs WHERE night = current_date")
        if cur.fetchone()[0] > 0:
            return False
        job()
        cur.execute("INSERT INTO job_runs VALUES (current_date, now())")
        conn.commit()
        return True
    finally:
        conn.rollback()
