# fails: bounded -- "still trying" "without a limit"
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    while True:
        try:
            with engine.begin() as connection:
                return work(connection)
        except sqlalchemy.exc.DBAPIError as error:
            if error.orig.sqlstate not in ("40001", "40P01"):
                raise
        sleep(random.random())
