"""Where `get_or_compute` runs: calls that are under way together, and a `compute` that ends when the judge says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from grader.checks.caching.place import BEHIND, FEW, Place
from grader.checks.running import Reply, Resource
from grader.instruments.rest import LOOKS, at_rest
from grader.verdict import Evidence

CALLERS = 50
LEASE_LIMIT = 60.0
SOURCE = "the-source-of-truth"
KEY, OTHER = "report:today", "report:yesterday"
TOLD = 12  # lines at the beginning and at the end of a long story
MOMENTS = 150  # that are passed one by one: who looks 100 times, every 50 ms, has lost patience
TTL, LEASE = 90, 20  # seconds; not what anybody would take if they were not asked for

# A subscriber that waits for a message waits in its socket, in real time: here it looks, and sleeps on the virtual clock.
COMPUTE = f"""
def __flight__(redis, url, key, lease={LEASE}):
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    source = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=None)

    def compute():
        return source.get("the-source-of-truth").decode()

    asked = {{"lease": lease}} if lease else {{}}
    return __called__(get_or_compute, redis, key, compute, ttl={TTL}, **asked)


def __messages_take_virtual_time__():
    import time
    from redis.client import PubSub

    look = PubSub.get_message

    def get_message(self, ignore_subscribe_messages=False, timeout=0.0):
        if timeout is None:
            return look(self, ignore_subscribe_messages, None)
        until = time.monotonic() + timeout
        while True:
            message = look(self, ignore_subscribe_messages, 0.0)
            left = round(until - time.monotonic(), 6)  # as exact as the clock is
            if message is not None or left <= 0:
                return message
            time.sleep(min(left, 0.05))

    PubSub.get_message = get_message


__messages_take_virtual_time__()
"""


@dataclass
class Flight:
    """Some calls at once. computed: how often `compute` ran; value: what it returned."""

    value: str = ""
    replies: list[Reply] = field(default_factory=list)
    computed: int = 0
    together: int = 0  # of how many of the calls it is known that they were under way before the first ended
    timeline: dict[str, Any] = field(default_factory=dict)

    def exhibit(self, title: str) -> Evidence:
        return Evidence("timeline", title, self.timeline)


class Tower:
    """Calls under way on one place, and a `compute` that ends when the judge says so."""

    def __init__(self, place: Place) -> None:
        self.place, self.journal = place, place.journal
        self.calls: list[Any] = []
        self._started = 0
        self._workers: dict[int, Any] = {}
        place.cache.set(SOURCE, "first")

    def start(self, worker: Any, count: int = 1, key: str = KEY, **more: Any) -> None:
        self._workers[worker.pid] = worker
        for _ in range(count):
            name = f"c{self._started}"
            self._started += 1
            redis = Resource("redis", self.place.proxy.url(name), id=name)
            self.calls.append(worker.start("__flight__", redis, self.place.proxy.url("compute"), key, **more))

    def computing(self) -> list[Any]:
        return self.journal.held("compute")

    def begun(self) -> int:
        return sum(s.caller == "compute" for s in self.journal.steps)

    def done(self) -> bool:
        return all(call.done() for call in self.calls)

    def resting(self) -> bool:
        """Whether every call has ended, computes, sleeps, or waits inside the server."""
        over = sum(call.done() for call in self.calls)
        return bool(over + len(self.computing()) + self.waiting() >= len(self.calls))

    def waiting(self) -> int:
        """How many calls sleep, or wait inside the server."""
        blocked = sum(s.waiting() for s in self.place.proxy.steps() if s.state == "running")
        return len(self.place.clock.asleep("app")) + blocked

    def second_waits(self) -> bool:
        """Whether the second call has ended, or waits for the first one."""
        return self.calls[1].done() or self.waiting() > 0

    def settle(self, condition: Callable[[], bool] | None = None) -> bool:
        """Until the condition holds, or nothing moves: threads may wait for each other inside a process.

        Where one waits for a thread that sleeps, which is no rare thing then, fewer looks have to do.
        """
        looks = FEW if self.place.clock.asleep(BEHIND) else LOOKS
        return at_rest(self.journal, condition or self.resting, pids=sorted(self._workers), looks=looks)

    def land(self) -> Flight:
        """Lets computations end and sleepers wake until all calls have come back."""
        for _ in range(400):
            if self.done():
                break
            self.settle()
            if held := self.computing():
                held[0].release()
            elif not self.done() and not self.place.clock.advance_to_next():
                self.place.clock.advance(0.5)
        else:
            for call in self.calls:
                call.result(0.01)
        source = self.place.cache.get(SOURCE).decode()
        return Flight(
            source, [c.result() for c in self.calls], self.begun(), 0, self.journal.timeline(most=TOLD)
        )

    def bide(self, seconds: float, over: Callable[[], bool] = lambda: False) -> None:
        """Time passes from one sleeper's moment to the next, for those who count how often they have looked.

        over: ends it early. After many moments only those of threads that were left behind are still kept.
        """
        clock = self.place.clock
        until = clock.now() + timedelta(seconds=seconds)
        for _ in range(MOMENTS):
            due = clock.sleepers[:1]
            if not due or due[0] > until:
                break
            clock.set(due[0])
            self.settle()
            if over():
                return
        self.place.later((until - clock.now()).total_seconds(), *self._workers.values())

    def claims(self) -> dict[str, float | None]:
        return {entry: left for entry, left in self.place.entries().items() if entry != SOURCE}


@contextmanager
def sky(place: Place, value: str) -> Iterator[Tower]:
    """A new flight: empty cache, new journal, every computation held."""
    with place.journal.changed:
        place.journal.let_go()
        place.journal.clear()
    place.cache.flushdb()
    tower = Tower(place)
    place.cache.set(SOURCE, value)
    place.journal.hold(lambda step: step.caller == "compute")
    try:
        yield tower
    finally:
        place.journal.let_go()


def longest(claims: dict[str, float | None]) -> float | None:
    """Seconds until all of these keys are gone; None if one stays for ever."""
    return None if None in claims.values() else max((t or 0.0 for t in claims.values()), default=0.0)
