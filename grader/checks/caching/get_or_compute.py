"""`get_or_compute`: one of many who miss does the work; the others wait for it, and for nobody who is dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from grader.checks.caching.place import Place
from grader.checks.caching.unit import lab
from grader.checks.caching.values import says, told
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench, Reply, Resource
from grader.instruments.rest import at_rest
from grader.verdict import Evidence

CALLERS = 50
LEASE_LIMIT = 60.0
SOURCE = "the-source-of-truth"
KEY, OTHER = "report:today", "report:yesterday"
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

    return get_or_compute(redis, key, compute, ttl={TTL}, **({{"lease": lease}} if lease else {{}}))


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
            left = until - time.monotonic()
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
class History:
    first: Flight | None = None
    again: Flight | None = None  # by another process
    kept: Flight | None = None  # at four fifths of its lifetime
    later: Flight | None = None  # when the entry had run out
    other: Flight | None = None  # under another key
    left: dict[str, float | None] = field(default_factory=dict)
    stampede: Flight | None = None
    orphaned: Flight | None = None  # those who waited for a holder that died
    in_time: bool = True  # one of those who waited computed when that lease was over
    unasked: float | None = (
        None  # seconds a claim has where no lease was asked for; None if it would stay for ever
    )
    lease: float | None = None  # seconds the dead holder's claim had left; None if it would stay for ever
    claims: int = 0  # keys there were while the holder computed
    slow: Flight | None = None
    overslept: Flight | None = None  # a caller who came while the second holder computed


class Tower:
    """Calls under way on one place, and a `compute` that ends when the judge says so."""

    def __init__(self, place: Place) -> None:
        self.place, self.journal = place, place.journal
        self.calls: list[Any] = []
        self.pids: set[int] = set()
        place.cache.set(SOURCE, "first")

    def start(self, worker: Any, count: int = 1, key: str = KEY, **more: Any) -> None:
        self.pids.add(worker.pid)
        for _ in range(count):
            number = len(self.calls)
            redis = Resource("redis", self.place.proxy.url(f"c{number}"), id=f"c{number}")
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
        return bool(
            over + len(self.computing()) + len(self.place.clock.sleepers) + blocked >= len(self.calls)
        )

    def settle(self, condition: Callable[[], bool] | None = None) -> bool:
        """Until the condition holds, or nothing moves: threads may wait for each other inside a process."""
        return at_rest(self.journal, condition or self.resting, pids=sorted(self.pids))

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
        return {k: t for k, t in self.place.keys().items() if k != SOURCE}


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


@lab.exercise(
    "get_or_compute",
    points=6,
    read="11-caching: Stampede",
    coverage=lambda h: (
        f"{CALLERS} concurrent misses in 2 processes, a holder that died, one that was slow, one that overslept"
        if h.overslept
        else ""
    ),
    hints=(
        "Fifty callers miss in the same moment. How does exactly one of them learn that the work is his, and how do "
        "the others learn that it is done?",
        "SET with NX gives a claim to one; EX takes it from him if he dies. A claim must also be known by its owner: "
        "who gives back what is no longer his takes it from somebody else.",
        "Look; claim with a token and a lease; whoever got it looks once more, computes, stores, and gives the claim "
        "back only if the token is still his; whoever did not sleeps a little and looks again.",
    ),
)
def get_or_compute(answer: Answer, bench: Bench) -> History:
    history = History()
    with Place(answer, bench, sleeping="hold") as place:
        one, two = (place.worker(driver=COMPUTE) for _ in range(2))
        with sky(place, "first") as tower:
            tower.start(one, lease=0)
            tower.settle()
            history.unasked = longest(tower.claims())
            history.first = tower.land()
            tower.start(two)
            history.again = tower.land()
            history.left = tower.claims()
            place.clock.advance(0.8 * TTL)
            tower.calls.clear()
            tower.start(two)
            history.kept = tower.land()
            place.cache.set(SOURCE, "second")
            place.clock.advance(TTL)
            tower.calls.clear()
            tower.start(one)
            history.later = tower.land()
            place.cache.set(SOURCE, "third")
            tower.calls.clear()
            tower.start(one, key=OTHER)
            history.other = tower.land()
        if answers.rule(history) is not True:
            return history
        history.stampede = stampede(place, one, two)
        if history.stampede.computed != 1:
            return history
        with sky(place, "slow") as tower:
            tower.start(one)
            tower.settle()
            tower.start(two, 2)
            tower.settle()
            place.clock.advance(0.8 * LEASE)
            tower.settle()
            history.slow = tower.land()
        history.overslept = overslept(place, one, two)
        history.orphaned = orphaned(history, place, one, two)
    return history


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


def orphaned(history: History, place: Place, one: Any, two: Any) -> Flight:
    """The holder dies; two who wait are looked at when its claim has run out."""
    with sky(place, "widowed") as tower:
        tower.start(one)
        tower.settle()
        claims = tower.claims()
        one.kill()
        for step in tower.computing():
            step.cut("before")
        tower.calls.clear()
        history.claims = len(claims)
        history.lease = longest(claims)
        if history.lease is None:
            return Flight("widowed")
        before = tower.begun()
        tower.start(two, 2)
        tower.settle()
        place.clock.advance(LEASE + 1)  # a lease may be rounded up
        tower.settle(lambda: tower.begun() > before)
        history.in_time = tower.begun() > before
        if not history.in_time:
            return Flight("widowed")
        flight = tower.land()
        flight.computed -= before
        return flight


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


def got(flight: Flight) -> str:
    """What is wrong with the replies, "" if every caller was given the value."""
    for reply in flight.replies:
        if not reply.ok or not says(reply.value, flight.value):
            return f"a call {told(reply)}"
    return ""


@get_or_compute.property(
    weight=0,
    misconception="What was computed once is there for everybody, for as long as its lifetime says and no longer.",
)
def answers(history: History) -> Ruling:
    """The value is computed on a miss, found by every process after that, and computed anew when it has run out."""
    first, again, kept, later, other = (
        history.first,
        history.again,
        history.kept,
        history.later,
        history.other,
    )
    assert first and again and kept and later and other
    if text := got(first) or got(again):
        return fail("the value that compute() returns", text, evidence=[first.exhibit("The first call")])
    if first.computed != 1:
        return fail("compute() is called once on a miss", f"{first.computed} times")
    if again.computed != 1:
        return fail(
            "the second call, by another process, finds the value",
            "it computed again",
            evidence=[again.exhibit("Two calls, one after the other")],
        )
    if for_ever := [k for k, t in history.left.items() if t is None]:
        return fail("every key has an expiry", f"{for_ever[0]} stays for ever")
    for flight, computed, expected in (
        (kept, 1, f"after four fifths of its {TTL} seconds the value is found"),
        (later, 2, "once its lifetime is over, the value is computed anew"),
        (other, 3, "under another key another value is computed"),
    ):
        if flight.computed != computed or got(flight):
            return fail(expected, got(flight) or "it was not")
    return True


@get_or_compute.property(
    needs=["answers"],
    misconception="Everybody who misses concludes that the work is his. A lock inside a process stops its threads, not "
    "the other processes.",
)
def one_computation(history: History) -> Ruling:
    """Fifty concurrent misses, in two processes, make one computation, and all fifty get its value."""
    flight = history.stampede
    assert flight
    if flight.computed != 1:
        return fail(
            f"1 computation for {CALLERS} concurrent misses",
            f"{flight.computed} computations",
            evidence=[Evidence("counts", "Computations", {"needed": 1, "made": flight.computed})],
        )
    if text := got(flight):
        return fail(f"all {CALLERS} callers get the value", text)
    if flight.together < CALLERS:
        return unknown(f"Only {flight.together} of {CALLERS} calls were under way at once.")
    return True


@get_or_compute.property(
    needs=["one_computation"],
    misconception="A claim that only its owner can take back is one for ever when the owner is killed.",
)
def dead_holder_is_replaced(history: History) -> Ruling:
    """When the process that computes is killed, somebody else computes as soon as its lease is over."""
    flight = history.orphaned
    assert flight
    if history.lease is None:
        return fail(
            "a claim with a lease", "the dead holder's key in Redis has no expiry: everybody waits for ever"
        )
    if history.unasked is None or history.unasked > LEASE_LIMIT:
        happened = (
            "it stays for ever" if history.unasked is None else f"it lasts another {history.unasked:,.0f}"
        )
        return fail(f"a lease of at most {LEASE_LIMIT:.0f} seconds where none is asked for", happened)
    if not history.in_time:
        return fail(
            f"with lease={LEASE} one of those who wait computes {LEASE} seconds after the holder died",
            f"nobody did; what the dead holder left in Redis stays for {history.lease:,.0f}",
        )
    if text := got(flight):
        return fail(
            "those who waited get the value, computed by one of them",
            f"the lease was over, and {text}",
            evidence=[flight.exhibit("After the holder died")],
        )
    if not flight.computed:
        return fail("one of those who wait computes", "nobody did")
    return True


@get_or_compute.property(
    needs=["one_computation"],
    misconception="Whoever loses patience and computes by himself doubles the load just when it is highest.",
)
def slow_compute_is_not_doubled(history: History) -> Ruling:
    """While a slow computation is under way and its lease lasts, nobody starts a second one or gives up."""
    flight = history.slow
    assert flight
    if flight.computed != 1:
        return fail(
            f"1 computation, however long it takes within its lease, with lease={LEASE}",
            f"{flight.computed} computations",
            evidence=[flight.exhibit("A slow computation")],
        )
    text = got(flight)
    return not text or fail(
        "those who wait get the value", text, evidence=[flight.exhibit("A slow computation")]
    )


@get_or_compute.property(
    needs=["one_computation"],
    misconception="The lock that is there when you are done need not be yours: your lease ran out, and DEL removes "
    "another's.",
)
def nobody_elses_claim(history: History) -> Ruling:
    """A holder that overslept its lease does not give back the claim of the one who took over."""
    flight = history.overslept
    assert flight
    if flight.computed < 2:
        return True  # it keeps its claim alive, or the others wait on: nobody took over
    if flight.computed > 2:
        return fail(
            "2 computations: the one that overslept, and the one that took over",
            f"{flight.computed}: a third caller found no claim while the second one still computed",
            evidence=[flight.exhibit("A holder that overslept")],
        )
    text = got(flight)
    return not text or fail(
        "every caller gets the value", text, evidence=[flight.exhibit("A holder that overslept")]
    )
