"""Many calls that come at given moments of a virtual clock: real code on real servers, the same story at every run.

    crowd = Crowd(clock)
    visits = crowd.play([(0.0, lambda: page(7)), (0.02, lambda: page(7)), ...])
    visits[0].began, visits[0].ended, visits[0].value

Each call runs in a thread of its own, and only one of them at a time: whoever runs goes on until it sleeps on the
crowd (`crowd.sleep`) or ends, and then the next in time has its turn, first come, first served. What takes long is
said by sleeping, so nobody waits for real and nothing depends on the machine. What two calls do between two sleeps is
therefore never mixed; orders within it are the explorer's business (`grader.instruments.explore`).
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from grader.instruments.clock import VirtualClock


@dataclass
class Visit:
    """One call. began, ended: seconds since the play began, to the microsecond; error: what left it, if it raised."""

    began: float
    ended: float = 0.0
    value: Any = None
    error: Exception | None = None

    @property
    def took(self) -> float:
        """Seconds on the clock."""
        return round(self.ended - self.began, 6)


class _Actor:
    """A thread that has its turn when it is told so."""

    def __init__(self, visit: Visit, work: Callable[[], Any]) -> None:
        self.visit, self._work = visit, work
        self._mine, self._yours = threading.Semaphore(0), threading.Semaphore(0)
        self._thread: threading.Thread | None = None
        self.over = False

    def go(self) -> None:
        """Lets it run until it rests or ends."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="crowd", daemon=True)
            self._thread.start()
        else:
            self._mine.release()
        self._yours.acquire()

    def rest(self) -> None:
        """Called by itself: the others' turn."""
        self._yours.release()
        self._mine.acquire()

    def _run(self) -> None:
        try:
            self.visit.value = self._work()
        except Exception as error:
            self.visit.error = error
        self.over = True
        self._yours.release()


class Crowd:
    """See the module."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._start = clock.monotonic()
        self._order = itertools.count()
        self._due: list[tuple[float, int, _Actor]] = []
        self._acting: _Actor | None = None

    @property
    def now(self) -> float:
        """Seconds since the play began."""
        return round(self.clock.monotonic() - self._start, 6)

    def sleep(self, seconds: float) -> None:
        """For whoever is called: lets `seconds` of virtual time pass. Outside a play the clock moves on at once."""
        actor = self._acting
        if actor is None:
            self.clock.advance(seconds)
            return
        self._wake(self.now + seconds, actor)
        actor.rest()

    def play(self, calls: Sequence[tuple[float, Callable[[], Any]]]) -> list[Visit]:
        """Makes every call at its moment, in seconds from now; returns them in the given order."""
        self._start = self.clock.monotonic()
        visits = [Visit(round(moment, 6)) for moment, _ in calls]
        for visit, (_, work) in zip(visits, calls, strict=True):
            self._wake(visit.began, _Actor(visit, work))
        while self._due:
            moment, _, actor = heapq.heappop(self._due)
            if moment > self.now:
                self.clock.advance(moment - self.now)
            self._acting = actor
            actor.go()
            self._acting = None
            if actor.over:
                actor.visit.ended = self.now
        return visits

    def _wake(self, moment: float, actor: _Actor) -> None:
        heapq.heappush(self._due, (moment, next(self._order), actor))
