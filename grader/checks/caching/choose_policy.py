"""`choose_policy`: what to keep when not all of it fits, tried on a real server with a trace nobody has seen."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from grader import services
from grader.checks.caching.unit import lab
from grader.checks.exercise import Rejected, Ruling, fail
from grader.checks.running import Answer, Bench, Opaque
from grader.instruments.eviction import Replayed, replay
from grader.shop.visits import visits
from grader.verdict import Evidence

WANTED = 0.28
STALE = 3600.0  # seconds
LONGEST = 86400.0  # seconds; in a trace of some hours no entry that lives as long runs out
PREFIXES = ("allkeys-", "volatile-")
POLICIES = (*(p + k for p in PREFIXES for k in ("lru", "lfu", "random")), "volatile-ttl", "noeviction")


@dataclass
class History:
    policy: str
    ttl: float
    played: Replayed | None = None

    def exhibit(self) -> Evidence:
        assert self.played
        counts = {
            "accesses": self.played.accesses,
            "hits": self.played.hits,
            "hit rate in %": round(100 * self.played.hit_rate, 1),
            "evicted": self.played.evicted,
            "refused": self.played.refused,
        }
        return Evidence("counts", f"{self.policy} with a lifetime of {self.ttl:g} seconds", counts)


@lab.exercise(
    "choose_policy",
    kind="value",
    points=2,
    read="11-caching: Eviction",
    coverage=lambda h: f"{h.played.accesses:,} views replayed on a real server" if h.played else "",
    hints=(
        "A crawler looks at every product once. What does it push out of a cache that keeps what was used last?",
        "Recency and frequency are two different things, and the server can count either. A short lifetime throws away "
        "what the policy would have kept.",
        "Replay visits(1) with two or three policies, each with a short and a long lifetime, and read the hit rates: "
        "the rest follows from the limit on age.",
    ),
)
def choose_policy(answer: Answer, bench: Bench) -> History:
    policy, ttl = read(answer)
    history = History(policy, ttl)
    if policy in POLICIES and ttl > 0:
        seed = bench.random("trace").randrange(1000, 10**6)
        with services.throwaway_redis() as server:
            history.played = replay(server.url, visits(seed), policy, min(ttl, LONGEST))
    return history


def read(answer: Answer) -> tuple[str, float]:
    """The policy's name and the lifetime, from a dict, a pair, or a function that returns one."""
    worker = answer.spawn()
    value: Any = worker.value("choose_policy").value
    if isinstance(value, Opaque) and "function" in value.type:
        value = worker.call("choose_policy").value
    parts = (
        list(value.values())
        if isinstance(value, dict)
        else list(value)
        if isinstance(value, tuple | list)
        else []
    )
    names = [p for p in parts if isinstance(p, str)]
    numbers = [seconds(p) for p in parts if isinstance(p, int | float) and not isinstance(p, bool)]
    if len(names) != 1 or len(numbers) != 1:
        raise Rejected(
            '`choose_policy` must be a dict such as {"policy": "noeviction", "ttl": 60}, ttl in seconds.'
        )
    return names[0].strip().lower(), numbers[0]


def seconds(number: float) -> float:
    """As a float; infinite where it is too large for one."""
    try:
        return float(number)
    except OverflowError:
        return inf


@choose_policy.property(
    weight=0,
    misconception="The names are those of the server's setting maxmemory-policy; a lifetime is a number of seconds.",
)
def can_be_set(history: History) -> Ruling:
    """The server knows the policy, and the lifetime is a positive number of seconds."""
    if history.policy not in POLICIES:
        return fail(f"one of {', '.join(POLICIES)}", history.policy)
    return history.ttl > 0 or fail("a lifetime above 0", f"{history.ttl:g} seconds")


@choose_policy.property(
    needs=["can_be_set"],
    weight=0,
    misconception="noeviction keeps what came first and refuses the rest: right for data, wrong for a cache.",
)
def never_refuses(history: History) -> Ruling:
    """The server always finds room for a new entry."""
    assert history.played
    return not history.played.refused or fail(
        "0 refused entries",
        f"{history.played.refused:,} (OOM command not allowed)",
        evidence=[history.exhibit()],
    )


@choose_policy.property(
    needs=["can_be_set"],
    weight=0,
    misconception="The longer entries live the more hits there are, and the older is what customers see.",
)
def not_too_old(history: History) -> Ruling:
    """No customer sees a product as it was more than an hour ago."""
    return history.ttl <= STALE or fail(
        f"a lifetime of {STALE:.0f} seconds at most", f"{history.ttl:,.0f} seconds"
    )


@choose_policy.property(
    needs=["never_refuses", "not_too_old"],
    misconception="Recency is fooled by whoever looks at everything once, and a lifetime that is too short throws away "
    "what the policy had kept: what is asked for often is worth its place.",
)
def hit_rate(history: History) -> Ruling:
    """On a trace of the same shop that nobody has seen, at least 28 % of the views are hits."""
    assert history.played
    return history.played.hit_rate >= WANTED or fail(
        f"a hit rate of at least {WANTED:.0%}",
        f"{history.played.hit_rate:.1%}, with {history.played.evicted:,} entries evicted",
        evidence=[history.exhibit()],
    )
