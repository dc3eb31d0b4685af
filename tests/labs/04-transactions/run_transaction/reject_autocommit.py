# fails: no_partial_effects -- "rows of attempts" "a transaction of its own"
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    for attempt in range(attempts):
        try:
            with engine.connect() as connection:
                return work(connection)
        except sqlalchemy.exc.DBAPIError as error:
            if error.orig.sqlstate not in ("40001", "40P01") or attempt == attempts - 1:
                raise
        sleep(random.random())
