"""The scenes of `get_with_fallback`: a Redis that is down, hangs, or fails at one command, and who asks meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from grader.checks.caching.place import Asked, Place, asks
from grader.checks.caching.values import shows
from grader.checks.running import Reply, Resource
from grader.instruments.rest import at_rest
from grader.instruments.steps import Action

RECOVERS = 60.0  # seconds
TIMEOUT = 0.1  # seconds of the client, when Redis hangs
MOST = 20  # commands that are waited for in vain
# A client that gives up at once where a real one would after its timeout: there the judge breaks the connection.
DRIVER = """
def __impatient__(url):
    import redis as _redis, redis.connection
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    class Impatient(_redis.connection.UnixDomainSocketConnection):
        def read_response(self, *args, **kwargs):
            try:
                return super().read_response(*args, **kwargs)
            except _redis.ConnectionError:
                raise _redis.TimeoutError("Timeout reading from socket") from None

    global __client__
    __client__ = _redis.Redis.from_url(url, connection_class=Impatient, retry=Retry(NoBackoff(), 0))


__behind__, __joined__ = [], set()  # threads that calls have started


def __ask__(*args):
    import threading

    before = set(threading.enumerate())
    try:
        return __pooled__("get_with_fallback", *args)
    finally:
        __behind__.extend(set(threading.enumerate()) - before)


def __rest__():
    # what goes on behind the callers' backs ends; True if there is somebody of whom that cannot be known
    from concurrent.futures import thread as pools

    rooms = {}
    for thread in __behind__:
        if thread in pools._threads_queues:
            rooms.setdefault(pools._threads_queues[thread], []).append(thread)
        elif thread not in __joined__:
            thread.join(2)
            __joined__.add(thread)
    for queue, threads in rooms.items():
        meeting = Meeting(sum(thread.is_alive() for thread in threads))
        for _ in range(meeting.barrier.parties - 1):
            queue.put(meeting)
        meeting.run()
    __behind__[:] = [thread for thread in __behind__ if thread.is_alive()]
    return any(thread not in pools._threads_queues for thread in __behind__)


class Meeting:
    # work for all threads of a pool at once: they come to it when they have done what was before it

    def __init__(self, count):
        import threading

        self.barrier = threading.Barrier(count + 1)

    def run(self, *_):
        self.barrier.wait(10)
"""
FAULTS: dict[Action, str] = {
    "error": "is answered with an error",
    "cut before": "never arrives, the connection breaks",
    "cut after": "takes effect, and its reply is lost",
    "garbage": "is answered with garbage",
}
FULL = "OOM command not allowed when used memory > 'maxmemory'."


@dataclass
class Call:
    """One call. struck: what happened to which step, in words; waited: virtual seconds until the reply.

    in_vain: commands that hung while the caller waited.
    """

    reply: Reply
    asked: Asked
    struck: str = ""
    waited: float = 0.0
    in_vain: list[str] = field(default_factory=list)

    def right(self, product: tuple[str, Decimal]) -> bool:
        return self.reply.ok and shows(self.reply.value, *product)


@dataclass
class History:
    product: tuple[str, Decimal] = ("", Decimal(0))
    miss: Call | None = None
    hit: Call | None = None
    down: list[Call] = field(default_factory=list)
    hanging: list[Call] = field(default_factory=list)
    half_way: list[Call] = field(default_factory=list)
    for_ever: tuple[str, str] = ("", "")  # a key without expiry, and the fault that left it
    after: list[tuple[str, Call]] = field(
        default_factory=list
    )  # the second call once Redis is back, and after what


class Customer:
    """Asks for one product in one process, and lets what goes on behind its back come to an end."""

    def __init__(self, place: Place, id: int) -> None:
        self.place, self.id = place, id
        self._worker = place.worker(driver=DRIVER)
        self._redis = place.redis()

    def _start(self, redis: Resource) -> Any:
        return self._worker.start("__ask__", self.place.conn(), redis, self.id)

    def call(self, struck: str = "") -> Call:
        """One call by itself."""
        with self.place.journal.changed:
            self.place.journal.clear()
        started = self.place.clock.monotonic()
        reply: Reply = self._start(self._redis).result()
        waited = self.place.clock.monotonic() - started
        self._rest()
        return Call(reply, self._asked(), struck, waited)

    def struck(self, position: int, action: Action, words: str) -> Call:
        """A call whose Redis command number `position` meets `action`; `struck` is "" if there is no such command."""
        journal = self.place.journal
        with journal.changed:
            journal.clear()
        redis_steps = 0

        def which(step: Any) -> bool:
            nonlocal redis_steps
            if step.lane == "Redis":
                redis_steps += 1
                return redis_steps == position + 1
            return False

        journal.hold(which)
        started = self.place.clock.monotonic()
        pending = self._start(self._redis)
        journal.wait(lambda: bool(journal.held()) or pending.done())
        struck = self._strike(action, words)
        reply: Reply = pending.result()
        waited = self.place.clock.monotonic() - started
        resting = self._worker.start("__rest__")
        journal.wait(lambda: bool(journal.held()) or resting.done())
        struck = struck or self._strike(action, words)
        self._end_rest(resting, lambda: bool(journal.held()))
        struck = struck or self._strike(action, words)
        journal.let_go()
        return Call(reply, self._asked(), struck, waited)

    def _strike(self, action: Action, words: str) -> str:
        for step in self.place.journal.held():
            step.act(action)
            return f"{step.text} {words}"
        return ""

    def hung_up_on(self) -> Call:
        """A call while Redis takes commands and answers none; the client gives up on each after its timeout."""
        journal, clock = self.place.journal, self.place.clock
        self._worker.call("__impatient__", self._redis.url)
        with journal.changed:
            journal.clear()
        journal.hold(lambda step: step.lane == "Redis")
        started = clock.monotonic()
        pending = self._start(Resource("name", "__client__"))
        in_vain: list[str] = []
        for number in range(MOST):
            journal.wait(lambda: bool(journal.held()) or pending.done())
            # The first command is the caller's; of a later one it has to be seen whether the caller waits for it.
            if pending.done() or (number and at_rest(journal, pending.done, pids=[self._worker.pid])):
                break
            in_vain += [step.text for step in journal.held()]
            self._give_up()
        reply: Reply = pending.result()
        waited = clock.monotonic() - started
        resting = self._worker.start("__rest__")
        for _ in range(MOST):
            journal.wait(lambda: bool(journal.held()) or resting.done())
            if resting.done():
                break
            self._give_up()
        while self._end_rest(resting, lambda: bool(journal.held())):
            self._give_up()
        asked = self._asked()
        journal.let_go()
        return Call(reply, asked, "Redis hangs", waited, in_vain)

    def _give_up(self) -> None:
        for step in self.place.journal.held():
            self.place.clock.advance(TIMEOUT)
            step.cut("before")

    def _rest(self) -> None:
        self._end_rest(self._worker.start("__rest__"), lambda: False)

    def _end_rest(self, resting: Any, condition: Any) -> bool:
        """Waits until nobody works behind the caller's back any more; True if the condition came about before."""
        stays: Reply = resting.result()
        return bool(stays.value and at_rest(self.place.journal, condition, pids=[self._worker.pid]))

    def _asked(self) -> Asked:
        return asks(self.place.journal.steps, self.place.journal.timeline())


def one_by_one(history: History, customer: Customer) -> None:
    """Every fault, at every command of a miss and of a hit."""
    place = customer.place
    for warm, call in ((False, history.miss), (True, history.hit)):
        assert call
        for position in range(len(call.asked.commands)):
            for action, words in FAULTS.items():
                place.clock.advance(RECOVERS)  # a breaker that was opened is closed again
                if not warm:
                    place.cache.flushdb()
                elif not place.cache.dbsize():
                    customer.call()
                place.proxy.error = FULL if position else "LOADING injected: the server is loading its data"
                found = customer.struck(position, action, words)
                if found.struck:
                    history.half_way.append(found)
                for key, left in place.keys().items():
                    if left is None and not history.for_ever[0]:
                        history.for_ever = (key, found.struck)
        place.clock.advance(RECOVERS)
