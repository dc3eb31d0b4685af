"""The scenes of `get_or_compute`: many who miss, one who comes late, and holders that die, are slow, or oversleep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from grader.checks.caching.flights import CALLERS, LEASE, OTHER, SOURCE, TOLD, TTL, Flight, longest, sky
from grader.checks.caching.place import Place

BRIEF = 6  # seconds, a lease that somebody who looks every 50 ms is watched through
MOST_STEPS = 20  # of one call at which it is stopped


@dataclass
class Latecomer:
    """One who had missed, and went on with `step` only when another had computed."""

    step: str
    flight: Flight


@dataclass
class Orphans:
    """Those who waited for a holder that died. step: before which one; "" while it computed. asked: its lease.

    lease: seconds what it left in Redis had left, None if it would stay for ever.
    in_time: one of those who waited computed, or all had the value, when that lease was over.
    """

    step: str
    asked: int
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
    empty: Flight | None = None  # two calls, one after the other, where the value is an empty text
    stampede: Flight | None = None
    latecomers: list[Latecomer] = field(default_factory=list)
    orphaned: list[Orphans] = field(default_factory=list)
    unasked: float | None = (
        None  # seconds a claim has where no lease was asked for; None if it would stay for ever
    )
    slow: Flight | None = None
    overslept: Flight | None = None  # a caller who came while the second holder computed


def undisturbed(history: History, place: Place, one: Any, two: Any) -> None:
    """Calls one after the other, by two processes."""
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
    with sky(place, "") as tower:
        tower.start(one)
        tower.land()
        tower.start(two)
        history.empty = tower.land()


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


def latecomers(place: Place, one: Any, two: Any) -> list[Latecomer]:
    """A caller is stopped at each of its steps before it computes; meanwhile another call is made."""
    found = []
    for number in range(1, MOST_STEPS):
        with sky(place, "early") as tower:
            place.journal.hold(lambda step, n=number: step.number == n)  # type: ignore[misc]
            tower.start(one)
            tower.settle(lambda t=tower: bool(t.journal.held()) or t.done())  # type: ignore[misc]
            held = place.journal.held()
            if not held or tower.begun():
                place.journal.let_go()
                tower.land()
                break
            tower.start(two)
            tower.settle(tower.second_waits)
            place.journal.let_go()
            found.append(Latecomer(held[0].text, tower.land()))
    return found


def slow(place: Place, one: Any, two: Any) -> Flight:
    """Two wait for one who computes for most of its lease; it may have somebody who renews its claim."""
    with sky(place, "slow") as tower:
        tower.start(one)
        tower.settle()
        tower.start(two, 2)
        tower.settle()
        tower.bide(0.8 * LEASE)
        tower.settle()
        return tower.land()


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
    lease = BRIEF if number is None else LEASE
    with sky(place, "widowed") as tower:
        if number is not None:
            place.journal.hold(lambda step: step.number == number)
        tower.start(one, lease=lease)
        tower.settle(lambda: bool(place.journal.held()) or tower.done())
        if not (last := place.journal.held()):
            return None
        claims, before = tower.claims(), tower.begun()
        one.kill()
        last[0].cut("before")
        place.journal.hold(lambda step: step.caller == "compute")
        tower.calls.clear()
        place.journal.note("process", "the holder is killed")
        orphans = Orphans("" if number is None else last[0].text, lease, longest(claims))
        tower.start(two, 2, lease=lease)

        def served() -> bool:
            return tower.begun() > before or tower.done()

        tower.settle()
        if number is None:
            tower.bide(lease + 1, served)  # a lease may be rounded up
        elif not served():
            place.journal.note("time", f"{lease + 1} seconds pass")
            place.clock.advance(lease + 1)
        tower.settle(served)
        orphans.in_time = served()
        if orphans.in_time and orphans.lease is not None:
            orphans.flight = tower.land()
            orphans.flight.computed -= before
        else:
            orphans.flight.timeline = place.journal.timeline(conclusion="nobody computes", most=TOLD)
        return orphans


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
