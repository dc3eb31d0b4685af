# fails: waits_with_jitter -- "a transaction was open during the wait" "nothing may be held"
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    for attempt in range(attempts):
        connection = engine.connect()
        try:
            result = work(connection)
            connection.commit()
            connection.close()
            return result
        except sqlalchemy.exc.DBAPIError as error:
            if error.orig.sqlstate not in ("40001", "40P01") or attempt == attempts - 1:
                connection.close()
                raise
            sleep(random.random())
            connection.close()
