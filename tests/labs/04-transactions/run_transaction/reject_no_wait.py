# fails: waits_with_jitter -- "0 waits in" "come back at once"
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    for attempt in range(attempts):
        try:
            with engine.begin() as connection:
                return work(connection)
        except sqlalchemy.exc.DBAPIError as error:
            if error.orig.sqlstate not in ("40001", "40P01") or attempt == attempts - 1:
                raise
