"""Waiting for something that may never come, without a deadline: until nothing moves any more.

    at_rest(journal, tower.all_asked, pids=[worker.pid for worker in workers])     # True: it came about

A busy machine only makes this slower. What counts as moving: a change of the journal, a step that is under way and
does not wait inside its server, and a process of `pids`, or a thread of the judge's own, that has something to do.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

from grader.instruments.explore.stillness import cpu_seconds, wants_to_run
from grader.instruments.steps import Journal, Step

LOOK = 0.002  # seconds between two looks
QUICK = 10  # looks before processes are looked at, which costs more
LOOKS = 100  # that find everything at rest, one after the other
MOST = 5000  # new steps after which somebody only asks again and again
COMPUTING = 2.0  # seconds of processor time in which nothing was asked of anybody


def at_rest(
    journal: Journal, condition: Callable[[], bool], *, pids: Sequence[int] = (), looks: int = LOOKS
) -> bool:
    """Returns True once `condition()` holds, False once nothing moves although it does not, in so many looks.

    Conditions are looked at after every change of the journal and every few milliseconds, under its lock.
    """
    watch = _Watch(journal, pids)
    with journal.changed:
        while not condition():
            told = journal.changed.wait(LOOK)
            if watch.still(told) >= looks or watch.endless():
                return condition()
    return True


class _Watch:
    """How long nothing has moved, in looks."""

    def __init__(self, journal: Journal, pids: Sequence[int]) -> None:
        self._journal, self._pids = journal, pids
        self._first = self._before = len(journal.steps)
        self._looks = 0
        self._used: float | None = None

    def still(self, told: bool) -> int:
        steps = self._journal.steps
        if told or len(steps) != self._before or any(_under_way(s) for s in steps):
            self._looks, self._before, self._used = 0, len(steps), None
        elif self._looks >= QUICK and self._busy():
            self._looks = QUICK
        else:
            self._looks += 1
        return self._looks

    def endless(self) -> bool:
        """Whether somebody is busy for ever."""
        return self._before - self._first > MOST

    def _busy(self) -> bool:
        if not any(map(wants_to_run, self._pids)):
            return bool(wants_to_run(os.getpid(), besides=threading.get_native_id()))
        used = sum(cpu_seconds(pid) or 0.0 for pid in self._pids)
        self._used = used if self._used is None else self._used
        return used - self._used < COMPUTING


def _under_way(step: Step) -> bool:
    return step.state == "running" and not step.waiting()
