# fails: waits_with_jitter -- "a transaction was open" "nothing may be held"
# Waits while the refused transaction has not been rolled back.
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    for n in range(1, attempts + 1):
        with engine.connect() as connection:
            try:
                result = work(connection)
                connection.commit()
                return result
            except sqlalchemy.exc.OperationalError as e:
                if e.orig.sqlstate not in ("40001", "40P01") or n == attempts:
                    raise
                sleep(random.uniform(0, 1))
