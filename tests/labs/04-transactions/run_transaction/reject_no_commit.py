# fails: returns_the_result -- "nothing was committed"
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    with engine.connect() as connection:
        return work(connection)
