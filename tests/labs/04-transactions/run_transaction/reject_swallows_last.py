# fails: bounded -- "it returned None"
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    for _ in range(attempts):
        try:
            with engine.begin() as connection:
                return work(connection)
        except sqlalchemy.exc.DBAPIError as error:
            if error.orig.sqlstate not in ("40001", "40P01"):
                raise
            sleep(random.random())
