# fails: the_rest_raised -- "nobody knows" "only 40001 and 40P01"
# Tries again after every error of class 40, also 40003: the statement may have been completed.
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    for n in range(1, attempts + 1):
        try:
            with engine.begin() as connection:
                return work(connection)
        except sqlalchemy.exc.DBAPIError as e:
            if not (e.orig.sqlstate or "").startswith("40") or n == attempts:
                raise
        sleep(random.uniform(0, 1))
