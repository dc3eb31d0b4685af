"""Enumeration of schedules: stateless replay, fewest changes of turn first."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from grader.instruments.explore.coverage import Coverage, changes_of_turn
from grader.instruments.explore.independence import commute
from grader.instruments.explore.loops import lets_go, spins
from grader.instruments.explore.play import Chooser
from grader.instruments.explore.run import Point, Run
from grader.instruments.explore.schedule import Choice


@dataclass(order=True)
class Branch:
    """A prefix still to be played: everything before `length` is given, then the default policy goes on.

    asleep: choices whose exploration from here would only repeat what an earlier branch has covered.
    """

    switches: int
    length: int
    order: int
    prefix: tuple[Choice, ...] = field(compare=False)
    texts: tuple[tuple[str, ...], ...] = field(compare=False, default=())
    asleep: frozenset[Choice] = field(compare=False, default=frozenset())


class Search:
    """Plays schedules until none is left or a limit is reached.

    play(choose) plays one run. symmetric: groups of callers (numbers from 1) that do the same with the same
    arguments. reduce: see `independence`. faults: fault marks to try, at most one a run.
    """

    def __init__(
        self,
        play: Callable[[Chooser], Run],
        *,
        callers: int,
        symmetric: Sequence[Sequence[int]] = (),
        reduce: bool = False,
        faults: str = "",
        max_runs: int = 5000,
        max_seconds: float = 120.0,
        max_switches: int | None = None,
    ) -> None:
        self._play = play
        self._symmetric = [tuple(sorted(g)) for g in symmetric]
        self._reduce = reduce and not faults
        self._faults = faults
        self._max_runs, self._max_seconds, self._max_switches = max_runs, max_seconds, max_switches
        self._heap: list[Branch] = []
        self._order = itertools.count()
        self._seen: set[tuple[Choice, ...]] = set()
        self.coverage = Coverage(callers=callers, symmetric=max((len(g) for g in symmetric), default=0))

    def __iter__(self) -> Iterator[Run]:
        started = time.monotonic()
        heapq.heappush(self._heap, Branch(0, 0, next(self._order), ()))
        cover = self.coverage
        while self._heap:
            if self._limit(started):
                return
            branch = heapq.heappop(self._heap)
            follower = Follower(branch, self)
            run = self._play(follower)
            run.diverged = follower.diverged
            cover.explored += 1
            cover.diverged += run.diverged
            cover.timed += run.timed
            self._grow(branch, follower, run)
            yield run
        cover.complete = True
        cover.waiting = 0

    def _limit(self, started: float) -> bool:
        cover, least = self.coverage, self._heap[0].switches
        if self._max_switches is not None and least > self._max_switches:
            cover.limit = f"bound of {changes_of_turn(self._max_switches)}"
        elif cover.explored >= self._max_runs:
            cover.limit = f"limit of {self._max_runs} runs"
        elif time.monotonic() - started > self._max_seconds:
            cover.limit = f"limit of {self._max_seconds:g} seconds"
        else:
            return False
        cover.waiting = len(self._heap)
        cover.bound = least - 1 if least > 0 else None
        return True

    def _grow(self, branch: Branch, follower: Follower, run: Run) -> None:
        """Adds a branch for every choice this run could have taken and no other branch takes."""
        start = min(branch.length, follower.diverged_at)
        switches = sum(p.switches(p.chosen) for p in run.points[:start])
        for at in range(start, len(run.points)):
            point = run.points[at]
            asleep = follower.asleep[at]
            if asleep.issuperset(point.enabled):  # this run repeats another up to swaps
                self.coverage.pruned += 1
                return
            explored = [point.chosen.plain]
            prefix, texts = run.choices[:at], tuple(p.texts for p in run.points[: at + 1])
            faulted = any(c.fault for c in prefix)
            alternatives = [c for c in follower.allowed(run, at) if c != point.chosen.plain]
            if len(point.enabled) > 1 and spins(run, at, times=2, refused=True):
                self.coverage.idle += len(alternatives)  # others may come before any turn of its loop
                alternatives = []
            for choice in alternatives:
                if choice in asleep:
                    self.coverage.pruned += 1
                    continue
                self._push(
                    switches + point.switches(choice),
                    (*prefix, choice),
                    texts,
                    follower.sleepers(point, {*asleep, *explored}, choice),
                )
                explored.append(choice)
            if self._faults and not faulted:
                for choice in follower.allowed(run, at):
                    for mark in self._faults:
                        faulty = Choice(choice.caller, choice.connection, mark)  # type: ignore[arg-type]
                        if faulty != point.chosen:
                            self._push(
                                switches + point.switches(faulty), (*prefix, faulty), texts, frozenset()
                            )
            if point.chosen.fault:
                faulted = True
            switches += point.switches(point.chosen)

    def _push(
        self,
        switches: int,
        prefix: tuple[Choice, ...],
        texts: tuple[tuple[str, ...], ...],
        asleep: frozenset[Choice],
    ) -> None:
        if prefix in self._seen:
            return
        self._seen.add(prefix)
        heapq.heappush(self._heap, Branch(switches, len(prefix), next(self._order), prefix, texts, asleep))


class Follower:
    """Chooses along a branch's prefix, then lets whoever moved last go on as long as it can."""

    def __init__(self, branch: Branch, search: Search) -> None:
        self._branch = branch
        self._search = search
        self.asleep: list[frozenset[Choice]] = []
        self.diverged_at = 1 << 30

    @property
    def diverged(self) -> bool:
        return self.diverged_at < 1 << 30

    def begin(self) -> None:
        self.asleep = []
        self.diverged_at = 1 << 30

    def choose(self, run: Run, enabled: tuple[Choice, ...]) -> Choice:
        at = len(run.points)
        prefix = self._branch.prefix
        if at < len(prefix) and not self.diverged:
            self.asleep.append(frozenset())
            texts = self._branch.texts
            if prefix[at].plain not in enabled or (at < len(texts) and len(texts[at]) != len(enabled)):
                self.diverged_at = at
            else:
                return prefix[at]
        elif at == len(prefix) and not self.diverged:
            self.asleep.append(self._branch.asleep)
        elif run.points and not self.diverged:
            last = run.points[-1]
            self.asleep.append(self.sleepers(last, set(self.asleep[-1]), last.chosen))
        else:
            self.asleep.append(frozenset())
        before = run.choices[-1].caller if run.choices else 0
        allowed = [c for c in self._symmetric(run, enabled) if c not in self.asleep[-1]] or list(enabled)
        if spins(run) and lets_go(run):  # it asks somebody again and again: let the others come
            moved = {c.caller: at for at, c in enumerate(run.choices)}
            return min(allowed, key=lambda c: moved.get(c.caller, -1))
        return next((c for c in allowed if c.caller == before), allowed[0])

    def allowed(self, run: Run, at: int) -> list[Choice]:
        """The choices at point `at` that symmetry does not make redundant."""
        return self._symmetric(run, run.points[at].enabled, at)

    def _symmetric(self, run: Run, enabled: tuple[Choice, ...], at: int | None = None) -> list[Choice]:
        """Interchangeable callers make their first move in the order of their numbers."""
        moved = {c.caller for c in (run.choices if at is None else run.choices[:at])}
        late: set[int] = set()
        for group in self._search._symmetric:
            fresh = [n for n in group if n not in moved]
            late.update(fresh[1:])
        return [c for c in enabled if c.caller not in late] or list(enabled)

    def sleepers(self, point: Point, candidates: set[Choice], chosen: Choice) -> frozenset[Choice]:
        """Those of `candidates` that commute with `chosen`: after it they need not be tried first."""
        if not self._search._reduce or chosen.fault:
            return frozenset()
        return frozenset(
            c for c in candidates if c.caller != chosen.caller and _independent(point, c, chosen)
        )


def _independent(point: Point, a: Choice, b: Choice) -> bool:
    if a not in point.enabled or b not in point.enabled:
        return False
    i, j = point.enabled.index(a), point.enabled.index(b)
    return commute(point.effects[i], point.effects[j], point.blocked)
