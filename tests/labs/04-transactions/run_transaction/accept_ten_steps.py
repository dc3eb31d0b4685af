# accepts: one of ten waits, longer with every attempt: not every two calls begin differently
from sqlalchemy.exc import DBAPIError


def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    for attempt in range(1, attempts + 1):
        try:
            with engine.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in ("40001", "40P01") or attempt == attempts:
                raise
        sleep(random.randint(1, 10) * 0.01 * attempt)
