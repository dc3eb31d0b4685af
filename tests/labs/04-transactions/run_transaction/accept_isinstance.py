# accepts: asks for the driver's classes; decides inside, waits outside
CONFLICTS = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


class _Again(Exception):
    pass


def _once(engine, work, last):
    try:
        with engine.connect() as connection, connection.begin():
            return work(connection)
    except sqlalchemy.exc.DBAPIError as error:
        if last or not isinstance(error.orig, CONFLICTS):
            raise
        raise _Again from error


def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    for left in reversed(range(attempts)):
        try:
            return _once(engine, work, last=left == 0)
        except _Again:
            sleep(random.expovariate(20))
