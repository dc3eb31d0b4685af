"""Traces replayed on a real server with a limit: its LRU is that of the trace's own seconds."""

from __future__ import annotations

import random
from collections import OrderedDict

import pytest

from grader import services
from grader.instruments.eviction import best_possible, replay
from grader.shop.visits import visits

FOR_EVER = 10**6  # seconds


def exact_lru(trace, entries):
    held: OrderedDict[int, None] = OrderedDict()
    hits = 0
    for _, key in trace:
        hits += key in held
        held[key] = None
        held.move_to_end(key)
        if len(held) > entries:
            held.popitem(last=False)
    return hits / len(trace)


def drifting(accesses):
    """A working set that moves on slowly: what was asked for lately is asked for again, what is old never is."""
    some = random.Random(1)
    return [(10.0 * n, n // 4 + some.randrange(250)) for n in range(accesses)]


@pytest.mark.server
@pytest.mark.parametrize("trace", (visits(1, 6000), drifting(6000)), ids=("visits", "drifting"))
def test_the_server_s_lru_follows_the_trace_s_own_time(trace):
    with services.throwaway_redis() as server:
        played = replay(server.url, trace, "allkeys-lru", FOR_EVER)
    assert played.refused == 0
    assert played.evicted > 0
    assert abs(played.hit_rate - exact_lru(trace, played.kept)) < 0.01


@pytest.mark.server
def test_throwing_out_by_chance_loses_a_working_set_that_moves():
    """So that the agreement with exact LRU above says something: 0.73 against 0.63, and chance moves by 0.01."""
    trace = drifting(6000)
    with services.throwaway_redis() as server:
        chance = replay(server.url, trace, "allkeys-random", FOR_EVER)
    assert exact_lru(trace, chance.kept) - chance.hit_rate > 0.05


@pytest.mark.server
def test_lifetimes_end_on_the_trace_s_own_seconds():
    trace = [(0.0, 1), (50.0, 1), (99.0, 1), (101.0, 1)] + [(300.0 + n, 2) for n in range(40)]
    with services.throwaway_redis() as server:
        for policy in ("allkeys-lfu", "volatile-lru"):
            played = replay(server.url, [(s, k) for s, k in trace for _ in range(40)], policy, 100)
            assert played.accesses - played.hits == 3, policy  # 1 twice, 2 once


def test_nobody_does_better_than_who_knows_the_future():
    trace = [(float(i), key) for i, key in enumerate([1, 2, 3, 1, 2, 4, 1, 2, 3, 4])]
    assert best_possible(trace, 4) == 0.6
    assert best_possible(trace, 3) == 0.5  # 3 gives way to 4, and comes once more
    assert best_possible(trace, 2) < 0.5
    assert all(best_possible(visits(1, 2000), n) >= exact_lru(visits(1, 2000), n) for n in (50, 300))
