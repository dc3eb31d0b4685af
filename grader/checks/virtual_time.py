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
    __swap__(
        time,
        sleep=clock.sleep,
        time=clock.time,
        monotonic=clock.monotonic,
        perf_counter=clock.monotonic,
        time_ns=lambda: int(clock.time() * 1e9),
        monotonic_ns=lambda: int(clock.monotonic() * 1e9),
    )


def __swap__(module, **others):
    """Puts `others` in the place of what the module has, also where the answer has imported it by name."""
    swapped = {name: (getattr(module, name), other) for name, other in others.items()}
    for name, (_, other) in swapped.items():
        setattr(module, name, other)
    for name, value in list(globals().items()):
        for real, other in swapped.values():
            if value is real:
                globals()[name] = other


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
# Beside a clock that holds sleepers, and after the driver above: those who were called, and the threads they leave behind, are told apart.
CALLED = """
import threading as __threading__
import weakref as __weakref__

__mine__ = __threading__.local()  # .called: whether this thread is in a call
__callers__ = __weakref__.WeakSet(__threading__.enumerate())  # threads of the judge's


def __called__(work, *args, **more):
    __callers__.add(__threading__.current_thread())
    __mine__.called = True
    try:
        return work(*args, **more)
    finally:
        __mine__.called = False


def __behind__():
    # How many threads the answer has started that still live.
    __callers__.add(__threading__.current_thread())
    return sum(thread not in __callers__ for thread in __threading__.enumerate())


def __others_sleep_apart__(path):
    # Threads that the answer has started sleep under the name of another door.
    import time
    from grader.instruments.answer_clock import connect

    own, apart = time.sleep, connect(path)

    def sleep(seconds):
        (own if getattr(__mine__, "called", False) else apart.sleep)(seconds)

    __swap__(time, sleep=sleep)


def __waits_take_virtual_time__():
    # Waiting for another thread, at most so long, is on the judge's clock: whoever waits between two looks for an event
    # instead of sleeping goes on when the judge says so, and timers go off when their moment has come.
    import contextlib, queue, threading, time

    real = threading.Condition.wait
    queue.time = threading._time = lambda: time.monotonic()  # these say what is left of a time limit

    def wait(self, timeout=None):
        if timeout is None or timeout <= 0 or not self._is_owned():
            return real(self, timeout)
        until, pause = time.monotonic() + timeout, max(0.05, timeout / 10)
        told = threading.Lock()
        told.acquire()
        self._waiters.append(told)
        saved = self._release_save()
        try:
            while not told.acquire(False):
                left = round(until - time.monotonic(), 6)  # as exact as the clock is
                if left <= 0:
                    return False
                time.sleep(min(left, pause))
            return True
        finally:
            self._acquire_restore(saved)
            with contextlib.suppress(ValueError):  # whoever notifies takes it out
                self._waiters.remove(told)

    threading.Condition.wait = wait


__waits_take_virtual_time__()
"""


# To be run after the driver above.
CALENDAR = '''
def __calendar_flows__(path):
    """Sets the date and the time of day after the judge's clock, in UTC; what measures durations stays as it is."""
    import datetime as calendar, os, time
    from grader.instruments.answer_clock import connect

    clock = connect(path)
    os.environ["TZ"] = "UTC"
    time.tzset()
    date, gmtime, strftime = calendar.datetime, time.gmtime, time.strftime

    class Kind(type):
        """What is made by the class below is a datetime like any other."""

        def __instancecheck__(cls, value):
            return isinstance(value, date)

        def __subclasscheck__(cls, other):
            return issubclass(other, date)

    class Dated(date, metaclass=Kind):
        def __new__(cls, *args, **more):
            return date(*args, **more)

        @classmethod
        def now(cls, tz=None):
            return date.fromtimestamp(clock.time(), tz)

        @classmethod
        def utcnow(cls):
            return date.fromtimestamp(clock.time())

    def here(seconds=None):
        return gmtime(clock.time() if seconds is None else seconds)

    def written(form, moment=None):
        return strftime(form, here() if moment is None else moment)

    __swap__(calendar, datetime=Dated)  # date.today() asks time.time() by itself
    __swap__(time, gmtime=here, localtime=here, strftime=written)
    # Who waits for a time of day sleeps until it comes.
    __swap__(time, time=clock.time, time_ns=lambda: int(clock.time() * 1e9), sleep=clock.sleep)
'''
