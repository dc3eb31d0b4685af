"""The scenes of `early_refresh`: whether the arguments are heeded, and a crowd that asks in the same moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from grader.checks.caching.flights import Tower, sky
from grader.checks.caching.place import Place
from grader.checks.caching.values import says, told
from grader.checks.running import Reply

TTL, TAKES, CYCLES = 10.0, 0.5, 4  # seconds; load lasts for so many lifetimes
YOUNG_GAP, GAP = 0.25, 0.04  # seconds between calls, in the first half of a lifetime and after it
# Lifetimes of which it is only seen that they are heeded: of the second one, ten are over after LATER seconds.
LONG, SHORT, LATER = 150.0, 3.0, 31.0
CROWD, LEFT = 30, (2.0, 1.0)  # callers at once, so many seconds before the end
DRIVER = """
def __flight__(redis, url, key):
    return early_refresh(redis, key, __compute__(url, 0), 10)


def __compute__(url, takes):
    import time
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    source = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=None)

    def compute():
        __began__.append(time.monotonic())
        if takes:
            time.sleep(takes)
        value = source.get("the-source-of-truth").decode()
        __ended__.append(time.monotonic())
        return value

    return compute


__began__, __ended__ = [], []


def __load__(redis, url, key, lasts, slowly, quickly, takes):
    # slowly while the value is young, quickly when it is not
    import threading
    import time

    compute = __compute__(url, takes)
    end = time.monotonic() + lasts
    calls = 0
    known = set(threading.enumerate())
    while (now := time.monotonic()) < end:
        early_refresh(redis, key, compute, 10)
        calls += 1
        for thread in set(threading.enumerate()) - known:
            thread.join(2)  # virtual time does not wait for a thread that a busy machine has not come to yet
            known.add(thread)
        time.sleep(slowly if __ended__ and now - __ended__[-1] < 5 else quickly)
    return calls


def __times__():
    return [list(__began__), list(__ended__)]


def __once__(redis, url, key, takes, ttl):
    return early_refresh(redis, key, __compute__(url, takes), ttl)
"""


@dataclass
class History:
    first: Reply | None = None
    again: Reply | None = None
    computed: int = 0  # in the first two calls
    idle: Reply | None = None  # long after, the source having changed
    left: dict[str, float | None] = field(default_factory=dict)
    heeded: list[tuple[str, str, Reply]] = field(default_factory=list)  # what must hold, the value, the call
    lasts: float = LONG  # seconds that an entry asked to live LONG has
    load: Reply | None = None
    began: list[float] = field(default_factory=list)  # computations under steady load, seconds
    ended: list[float] = field(default_factory=list)
    lasted: float = 0.0
    crowds: list[tuple[float, int]] = field(
        default_factory=list
    )  # seconds left, computations by CROWD callers
    crowd_trouble: str = ""
    claims: dict[str, float | None] = field(
        default_factory=dict
    )  # keys that stand while somebody renews and did not before, and the seconds they have left


def heed(history: History, place: Place, once: Callable[..., Reply]) -> None:
    """Whether the arguments are looked at: another key, a long lifetime, a short one."""
    known = place.entries()
    place.cache.set("the-source-of-truth", "third")
    history.heeded.append(("under another key another value is computed", "third", once("other", LONG)))
    history.lasts = max(
        (left or 0.0 for key, left in place.entries().items() if key not in known), default=0.0
    )
    once("brief", SHORT)
    place.cache.set("the-source-of-truth", "fourth")
    place.clock.advance(LATER)
    words = f"with a lifetime of {SHORT:.0f} seconds it is computed anew after {LATER:.0f}"
    history.heeded.append((words, "fourth", once("brief", SHORT)))


def gather(history: History, place: Place, worker: Any, left: float) -> None:
    """A crowd asks in the same moment, `left` seconds before the entry runs out."""
    with sky(place, "value") as tower:
        tower.start(worker)
        tower.settle()
        place.clock.advance(TAKES)  # that long it took
        tower.land()
        before = tower.begun()
        place.clock.advance(TTL - left)
        tower.calls.clear()
        known = tower.claims()
        tower.start(worker, CROWD)
        settle(tower, place)
        history.claims |= {key: left for key, left in tower.claims().items() if key not in known}
        flight = tower.land()
        # What a thread of the answer's own still computes is let go when the flight ends.
        history.crowds.append((left, tower.begun() - before))
        for reply in flight.replies:
            if not reply.ok or not says(reply.value, "value"):
                history.crowd_trouble = f"a call {told(reply)}"


def settle(tower: Tower, place: Place) -> None:
    """Until every one of the crowd has asked Redis, and rests."""
    asked: set[str] = set()

    def all_asked() -> bool:
        asked.update(s.caller for s in place.proxy.steps() if s.finished() and s.caller != "compute")
        return len(asked) >= CROWD

    tower.settle(all_asked)
    tower.settle()
