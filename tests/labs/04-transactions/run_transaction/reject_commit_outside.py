# fails: conflicts_tried_again -- "at COMMIT"
# Only the statements are tried again; the commit stands outside.
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    with engine.connect() as connection:
        for attempt in range(attempts):
            try:
                result = work(connection)
                break
            except sqlalchemy.exc.DBAPIError as error:
                connection.rollback()
                if error.orig.sqlstate not in ("40001", "40P01") or attempt == attempts - 1:
                    raise
                sleep(random.random())
        connection.commit()
        return result
