"""The scenes of `get_or_compute`: calls under way together, and holders that die, are slow, or oversleep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from grader.checks.caching.place import BEHIND, FEW, Place
from grader.checks.running import Reply, Resource
from grader.instruments.rest import LOOKS, at_rest
from grader.verdict import Evidence

CALLERS = 50
LEASE_LIMIT = 60.0
SOURCE = "the-source-of-truth"
KEY, OTHER = "report:today", "report:yesterday"
MOST_STEPS = 20  # of one call at which its process is killed
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


@dataclass
class Orphans:
    """Those who waited for a holder that died. step: before which one; "" while it computed.

    lease: seconds what it left in Redis had left, None if it would stay for ever.
    in_time: one of those who waited computed, or all had the value, when that lease was over.
    """

    step: str
    lease: float | None
    in_time: bool = False
    flight: Flight = field(default_factory=Flight)


@dataclass
class History:
    first: Flight | None = None
    again: Flight | None = None  # by another process
    kept: Flight | None = None  # at four fifths of its lifetime
    later: Flight | None = None  # when the entry had run out
    other: Flight | None = None  # under another key
    left: dict[str, float | None] = field(default_factory=dict)
    stampede: Flight | None = None
    orphaned: list[Orphans] = field(default_factory=list)
    unasked: float | None = (
        None  # seconds a claim has where no lease was asked for; None if it would stay for ever
    )
    slow: Flight | None = None
    overslept: Flight | None = None  # a caller who came while the second holder computed


class Tower:
    """Calls under way on one place, and a `compute` that ends when the judge says so."""

    def __init__(self, place: Place) -> None:
        self.place, self.journal = place, place.journal
        self.calls: list[Any] = []
        self._started = 0
        self.pids: set[int] = set()
        place.cache.set(SOURCE, "first")

    def start(self, worker: Any, count: int = 1, key: str = KEY, **more: Any) -> None:
        self.pids.add(worker.pid)
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
        blocked = sum(s.waiting() for s in self.place.proxy.steps() if s.state == "running")
        asleep = self.place.clock.asleep("app")
        return bool(over + len(self.computing()) + len(asleep) + blocked >= len(self.calls))

    def settle(self, condition: Callable[[], bool] | None = None) -> bool:
        """Until the condition holds, or nothing moves: threads may wait for each other inside a process.

        Where one waits for a thread that sleeps, which is no rare thing then, fewer looks have to do.
        """
        looks = FEW if self.place.clock.asleep(BEHIND) else LOOKS
        return at_rest(self.journal, condition or self.resting, pids=sorted(self.pids), looks=looks)

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
        return Flight(source, [c.result() for c in self.calls], self.begun(), 0, self.journal.timeline())

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


def stampede(place: Place, one: Any, two: Any) -> Flight:
    with sky(place, "busy") as tower:
        for worker in (one, two):
            tower.start(worker, CALLERS // 2)

        def all_asked() -> bool:
            asked = {s.caller for s in place.proxy.steps() if s.finished() and s.caller != "compute"}
            return len(asked) >= CALLERS

        tower.settle(all_asked)
        tower.settle()
        together = sum(not call.done() for call in tower.calls)
        flight = tower.land()
        flight.together = together
        return flight


def orphaned(place: Place, hire: Callable[[], Any], two: Any) -> list[Orphans]:
    """The holder dies as it computes, and then before each of its other steps, up to one who leaves nobody alone.

    hire: starts a process, for it is killed.
    """
    found = [_orphans(place, hire(), two, None)]
    while (
        found[-1] is not None
        and found[-1].in_time
        and found[-1].lease is not None
        and len(found) <= MOST_STEPS
    ):
        found.append(_orphans(place, hire(), two, len(found)))
    return [one for one in found if one is not None]


def _orphans(place: Place, one: Any, two: Any, number: int | None) -> Orphans | None:
    """One dies before its step `number`, or as it computes; two who wait are looked at when its claim has run out.

    None: there is no such step.
    """
    with sky(place, "widowed") as tower:
        if number is not None:
            place.journal.hold(lambda step: step.number == number)
        tower.start(one)
        tower.settle(lambda: bool(place.journal.held()) or tower.done())
        if not (last := place.journal.held()):
            return None
        claims, before = tower.claims(), tower.begun()
        one.kill()
        last[0].cut("before")
        place.journal.hold(lambda step: step.caller == "compute")
        tower.calls.clear()
        place.journal.note("process", "the holder is killed")
        orphans = Orphans("" if number is None else last[0].text, longest(claims))
        tower.start(two, 2)
        tower.settle()
        place.clock.advance(LEASE + 1)  # a lease may be rounded up
        place.journal.note("process", f"{LEASE + 1} seconds have passed")

        def served() -> bool:
            return tower.begun() > before or tower.done()

        tower.settle(served)
        orphans.in_time = served()
        if orphans.in_time and orphans.lease is not None:
            orphans.flight = tower.land()
            orphans.flight.computed -= before
        else:
            orphans.flight.timeline = place.journal.timeline(conclusion="nobody computes")
        return orphans


def longest(claims: dict[str, float | None]) -> float | None:
    """Seconds until all of these keys are gone; None if one stays for ever."""
    return None if None in claims.values() else max((t or 0.0 for t in claims.values()), default=0.0)


def overslept(place: Place, one: Any, two: Any) -> Flight:
    """The first holder is slower than its lease, a second takes over, the first comes back; then a third asks."""
    with sky(place, "late") as tower:
        tower.start(one)
        tower.settle()
        first = tower.computing()
        lease = max((t or 0 for t in tower.claims().values()), default=0)
        place.clock.advance(lease + 0.1)
        tower.start(two)
        tower.settle()
        claims = set(tower.claims())
        second = tower.computing()
        if len(first) == 1 and len(second) == 2:
            first[0].release()
            tower.settle(tower.calls[0].done)
            for key in set(tower.claims()) - claims:  # somebody invalidates what the first one stored
                place.cache.delete(key)
            tower.start(two)
            tower.settle()
        return tower.land()
