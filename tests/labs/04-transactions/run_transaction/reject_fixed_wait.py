# fails: waits_with_jitter -- "the first waits" "collide again"
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    for attempt in range(attempts):
        try:
            with engine.begin() as connection:
                return work(connection)
        except sqlalchemy.exc.DBAPIError as error:
            if error.orig.sqlstate not in ("40001", "40P01") or attempt == attempts - 1:
                raise
        sleep(0.1 * 2**attempt)
