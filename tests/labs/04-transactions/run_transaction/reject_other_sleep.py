# fails: waits_with_jitter -- "0 waits in 4 attempts"
# Ignores the sleep it is given.
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    for n in range(1, attempts + 1):
        try:
            with engine.begin() as connection:
                return work(connection)
        except sqlalchemy.exc.DBAPIError as e:
            if e.orig.sqlstate not in ("40001", "40P01") or n == attempts:
                raise
        time.sleep(random.uniform(0, 0.01))
