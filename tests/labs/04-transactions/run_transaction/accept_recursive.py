# accepts: connects, commits and rolls back by hand; equal jitter
RETRY = {"40001", "40P01"}


def run_transaction(engine: sqlalchemy.Engine, work, *, attempts: int = 5, sleep=time.sleep):
    tried = 0
    while True:
        tried += 1
        connection = engine.connect()
        try:
            result = work(connection)
            connection.commit()
            return result
        except sqlalchemy.exc.OperationalError as error:
            connection.rollback()
            if error.orig.sqlstate not in RETRY or tried >= attempts:
                raise
        finally:
            connection.close()
        sleep(0.01 * tried + random.random() * 0.01 * tried)
