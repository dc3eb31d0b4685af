# fails: runs_and_records -- "no row for tonight"
# Never two at once; but who comes when the first is done does it all again.
def nightly_job(conn, job):
    with conn.transaction():
        (mine,) = conn.execute("SELECT pg_try_advisory_xact_lock(42)").fetchone()
        if mine:
            job()
