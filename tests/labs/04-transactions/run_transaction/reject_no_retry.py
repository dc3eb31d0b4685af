# fails: conflicts_tried_again -- "40001" "is tried again"
def run_transaction(engine, work, attempts=5, sleep=time.sleep):
    with engine.begin() as connection:
        return work(connection)
