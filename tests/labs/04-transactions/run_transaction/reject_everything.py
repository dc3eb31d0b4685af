# fails: the_rest_raised -- "a unique violation" "will be there again next time"
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    for attempt in range(attempts):
        try:
            with engine.begin() as connection:
                return work(connection)
        except Exception:
            if attempt == attempts - 1:
                raise
            sleep(random.random())
