"""What a worker executes beside the answer so that it lives on the judge's clock, and is called as a pool would call it."""

from __future__ import annotations

SEED = """
def __seed__(number):
    import random

    random.seed(number)
"""
DRIVER = (
    SEED
    + '''
def __time_flows__(path):
    """Puts this process on the judge's clock."""
    import time
    from grader.instruments.answer_clock import connect

    clock = connect(path)
    swapped = {
        time.sleep: clock.sleep,
        time.time: clock.time,
        time.monotonic: clock.monotonic,
        time.perf_counter: clock.monotonic,
        time.time_ns: lambda: int(clock.time() * 1e9),
        time.monotonic_ns: lambda: int(clock.monotonic() * 1e9),
    }
    for real, virtual in swapped.items():
        setattr(time, real.__name__, virtual)
    for name, value in list(globals().items()):
        for real, virtual in swapped.items():
            if value is real:
                globals()[name] = virtual


def __pooled__(name, *args):
    """Calls the answer; then does what a pool does with the connection it gets back."""
    import contextlib, psycopg

    try:
        return globals()[name](*args)
    finally:
        for connection in args:
            if isinstance(connection, psycopg.Connection) and not connection.closed:
                with contextlib.suppress(psycopg.Error):
                    connection.rollback()
                    connection.autocommit = False
                    connection.row_factory = psycopg.rows.tuple_row
'''
)
