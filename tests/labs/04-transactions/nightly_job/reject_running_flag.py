# fails: freed_if_the_node_dies, failure_not_recorded -- "took it for somebody else's" "outlives the node"
# The row is committed before the job runs.
def nightly_job(conn, job):
    cur = conn.execute("INSERT INTO job_runs (night) VALUES (current_date) ON CONFLICT DO NOTHING")
    conn.commit()
    if cur.rowcount == 1:
        job()
