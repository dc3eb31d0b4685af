"""Retries in numbers: a herd of clients that failed together, and a service that is overloaded by those who try again.

Both are simulations on a clock of their own, with random numbers from a seed: no server, no waiting, the same figures
at every run. What is simulated is stated here, and nothing else is.

herd    everybody's first call fails at the same moment; a service takes so many calls a tick and refuses the others
        at once. (After Brooker, "Exponential Backoff and Jitter", 2015.)
storm   calls come at a steady rate, whatever happens (an open system); the service works on one call after another,
        first come, first served, and does not know who has given up. For some seconds it works slowly.
        (The kind of failure: Bronson et al., "Metastable Failures in Distributed Systems", 2021.)
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random

FULL_PURSE = 10.0  # retries a budget can save up
Wait = Callable[[int, Random], float]  # seconds before retry number 1, 2, ...


def at_once(retry: int, random: Random) -> float:
    return 0.0


def exponential(base: float, cap: float) -> Wait:
    """base, 2 base, 4 base, ... up to cap: the same for everybody."""
    return lambda retry, random: float(min(cap, base * 2 ** (retry - 1)))


def full_jitter(base: float, cap: float) -> Wait:
    """Anything from nothing to that, evenly."""
    return lambda retry, random: random.uniform(0, min(cap, base * 2 ** (retry - 1)))


@dataclass(frozen=True)
class Herd:
    """sent: calls in each tick. taken: how many of them the service took."""

    sent: tuple[int, ...]
    taken: tuple[int, ...]
    tick: float

    @property
    def calls(self) -> int:
        return sum(self.sent)

    @property
    def seconds(self) -> float:
        """Until the last client was served."""
        return len(self.sent) * self.tick


def herd(wait: Wait, *, clients: int = 200, takes: int = 10, tick: float = 0.1, seed: int = 10) -> Herd:
    """takes: calls a tick that are served; a refused client draws its wait and comes again, until it is served.

    A client whose wait ends within a tick comes in the next one: a reply takes that long.
    """
    random, sent, taken = Random(seed), [], []
    coming = [(0, 0, n) for n in range(clients)]  # (tick, retries so far, client)
    heapq.heapify(coming)
    now = 0
    while coming:
        here = []
        while coming and coming[0][0] <= now:
            here.append(heapq.heappop(coming))
        random.shuffle(here)  # who gets through is luck
        sent.append(len(here))
        taken.append(min(takes, len(here)))
        for _, retries, client in here[takes:]:
            later = now + 1 + int(wait(retries + 1, random) / tick)
            heapq.heappush(coming, (later, retries + 1, client))
        now += 1
    return Herd(tuple(sent), tuple(taken), tick)


@dataclass(frozen=True)
class Trying:
    """attempts: with the first. wait: before each retry. budget: retries earned by each first attempt (0.1: one retry
    for ten calls), None for as many as attempts allow."""

    attempts: int = 1
    wait: Wait = at_once
    budget: float | None = None


@dataclass(frozen=True)
class Storm:
    """For each second: calls sent, and calls answered before their client had given up."""

    sent: tuple[int, ...]
    answered: tuple[int, ...]

    def over(self, begin: int, end: int) -> tuple[float, float]:
        """Sent and answered a second, on average over [begin, end)."""
        span = end - begin
        return sum(self.sent[begin:end]) / span, sum(self.answered[begin:end]) / span


@dataclass(eq=False)
class _Attempt:
    sent: float
    retries: int
    answered: bool = False


def storm(
    trying: Trying,
    *,
    rate: float = 70.0,
    capacity: float = 100.0,
    slow: float = 20.0,
    trouble: tuple[float, float] = (10.0, 15.0),
    timeout: float = 1.0,
    seconds: int = 60,
    seed: int = 10,
) -> Storm:
    """rate: new calls a second. capacity: calls a second the service can work off, `slow` during trouble (from, to).

    timeout: seconds after which a client takes an attempt for failed; the service works on it all the same.
    """
    arrivals, random = Random(seed), Random(seed + 1)  # the same calls come, however they are retried
    sent, answered, number = [0] * seconds, [0] * seconds, count()
    events: list[tuple[float, int, str, _Attempt]] = []
    queue: deque[_Attempt] = deque()
    busy, tokens, free = False, FULL_PURSE, trying.budget is None

    def at(when: float, what: str, attempt: _Attempt) -> None:
        heapq.heappush(events, (when, next(number), what, attempt))

    moment = 0.0
    while (moment := moment + arrivals.expovariate(rate)) < seconds:
        at(moment, "send", _Attempt(moment, 0))
    while events and events[0][0] < seconds:
        now, _, what, attempt = heapq.heappop(events)
        if what == "send":
            sent[int(now)] += 1
            queue.append(attempt)
            at(now + timeout, "timeout", attempt)
            if not attempt.retries:
                tokens = min(FULL_PURSE, tokens + (trying.budget or 0.0))
        elif what == "served":
            busy = False
            if now - attempt.sent <= timeout:
                attempt.answered = True
                answered[int(now)] += 1
        elif not attempt.answered and attempt.retries + 1 < trying.attempts and (free or tokens >= 1):
            tokens -= not free
            again = now + trying.wait(attempt.retries + 1, random)
            at(again, "send", _Attempt(again, attempt.retries + 1))
        if queue and not busy:
            busy = True
            pace = slow if trouble[0] <= now < trouble[1] else capacity
            at(now + 1 / pace, "served", queue.popleft())
    return Storm(tuple(sent), tuple(answered))
