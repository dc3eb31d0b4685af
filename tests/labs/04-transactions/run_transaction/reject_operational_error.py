# fails: the_rest_raised -- "a lock that was not available" "OperationalError covers much more"
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    for attempt in range(attempts):
        try:
            with engine.begin() as connection:
                return work(connection)
        except sqlalchemy.exc.OperationalError:
            if attempt == attempts - 1:
                raise
            sleep(random.random())
