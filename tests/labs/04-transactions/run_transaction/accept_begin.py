# accepts: a fresh transaction an attempt, full jitter on a growing ceiling
from sqlalchemy.exc import DBAPIError


def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    for attempt in range(1, attempts + 1):
        try:
            with engine.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in ("40001", "40P01") or attempt == attempts:
                raise
        sleep(random.uniform(0, 0.05 * 2**attempt))
