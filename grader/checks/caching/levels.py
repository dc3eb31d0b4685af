"""The scenes of `two_level`: three processes with a cache each, and a change that meets a get() at each of its steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.checks.caching.place import Place
from grader.checks.caching.values import says
from grader.checks.running import Reply, Resource

BOUND = 5.0  # seconds
SLOW = 2.0  # seconds that the held step of a get() takes, a part of the bound
STUCK = 40.0  # the same, far beyond the bound
SOURCE, RETURNS = "the-source-of-truth", "the-source-returns"
KEY, OTHER = "product:7", "product:70"
MOST = 12  # steps of one call at which another may come between
# Loading is two steps, so that the judge can stop it when the value has been read and is not there yet.
DRIVER = """
def __open__(redis, url):
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    global __cache__
    source = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=None)

    def load(key):
        value = source.get("the-source-of-truth").decode()
        source.get("the-source-returns")
        return value

    __cache__ = __called__(two_level, redis, load)


def __get__(key):
    return __called__(__cache__.get, key)


def __changed__(key):
    return __called__(getattr(__cache__, "changed", None) or getattr(__cache__, "invalidate"), key)
"""


@dataclass
class Look:
    """What one get() returned and what it cost."""

    who: str
    reply: Reply
    wanted: str
    commands: int = 0
    loads: int = 0

    @property
    def right(self) -> bool:
        return self.reply.ok and says(self.reply.value, self.wanted)


@dataclass
class Race:
    """Two calls that met at one step. wanted: the value since then; own: what who changed it is told at once.

    looks: what everybody was told afterwards.
    """

    story: str
    wanted: str
    own: Look | None = None
    looks: list[Look] = field(default_factory=list)
    timeline: dict[str, Any] = field(default_factory=dict)


@dataclass
class History:
    looks: list[Look] = field(
        default_factory=list
    )  # undisturbed: first, again, another process, a third one later
    apart: list[Look] = field(default_factory=list)  # of another key, and of the first once more
    after: list[Look] = field(
        default_factory=list
    )  # after a change, at once for who made it, later for the others
    beside: Look | None = None  # of another key, loaded by A before that change and asked for by B after it
    races: list[Race] = field(default_factory=list)


class Crew:
    """Three processes, A, B and C, and the source that all load from."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._workers = {who: place.worker(driver=DRIVER, apart=True) for who in "ABC"}

    def fresh(self, value: str = "one") -> list[Look]:
        """Everybody opens a cache of their own over an empty Redis; those who could not."""
        with self.place.journal.changed:
            self.place.journal.let_go()
            self.place.journal.clear()
        self.place.cache.flushdb()
        self.place.cache.set(SOURCE, value)
        failed = []
        for who, worker in self._workers.items():
            redis = Resource("redis", self.place.proxy.url(who), id=f"r{who}")
            opened = worker.call("__open__", redis, self.place.proxy.url(f"source {who}"))
            if not opened.ok:
                failed.append(Look(who, opened, value))
        return failed

    def source(self, value: str) -> None:
        self.place.cache.set(SOURCE, value)

    def look(self, who: str, wanted: str, key: str = KEY) -> Look:
        before = len(self.place.journal.steps)
        reply = self._workers[who].call("__get__", key)
        steps = self.place.journal.steps[before:]
        return Look(
            who,
            reply,
            wanted,
            sum(s.caller == who for s in steps),
            sum(s.caller == f"source {who}" and SOURCE in s.text for s in steps),
        )

    def changed(self, who: str) -> None:
        self._workers[who].call("__changed__", KEY)

    def later(self, seconds: float) -> None:
        self.place.later(seconds, *self._workers.values())

    def meet(self, part: str, number: int, pause: float = SLOW) -> Race | None:
        """Stops a call before its step `number`, and lets another one run. None: there is no such step.

        part: "get" stops B's get(), for `pause` seconds, and A changes the value; "changed" stops A's changed(), and B
        asks; "both" stops A's changed(), and B changes the value once more.
        """
        place = self.place
        slow, lanes = ("B", ("B", "source B")) if part == "get" else ("A", ("A",))
        if part != "get":
            self.source("two")
        first = len([s for s in place.journal.steps if s.caller in lanes])

        def which(step: Any) -> bool:
            if step.caller not in lanes:
                return False
            before = [s for s in place.journal.steps if s.caller in lanes and s is not step]
            return len(before) - first == number

        place.journal.hold(which)
        pending = self._workers[slow].start("__get__" if part == "get" else "__changed__", KEY)
        place.journal.wait(lambda: bool(place.journal.held()) or pending.done())
        held = place.journal.held()
        if not held:
            place.journal.let_go()
            pending.result()
            return None
        meanwhile = {"get": self._change_under, "changed": self._ask_under, "both": self._change_again}[part]
        race = meanwhile(held[0].text, pause)
        place.journal.let_go()
        pending.result()
        self.later(max(BOUND - pause, 0.0) if part == "get" else BOUND)
        race.looks = [self.look(who, race.wanted) for who in "BCA"]
        conclusion = "" if all(x.right for x in race.looks) else "somebody is told the old value"
        race.timeline = place.journal.timeline(conclusion=conclusion)
        return race

    def _change_under(self, step: str, pause: float) -> Race:
        """A changes the value while B's get() is stopped."""
        self._change("two", "A")
        own = self.look("A", "two")
        if RETURNS in step:
            step = "return from its load()"
        long = f"; B went on {pause:.0f} seconds later" if pause > BOUND else ""
        self.later(pause)
        return Race(f"B's get() was about to {step}, when A changed the value{long}", "two", own)

    def _ask_under(self, step: str, pause: float) -> Race:
        """B asks while A's changed() is stopped."""
        self.look("B", "")
        return Race(f"A's changed() was about to {step}, when B asked", "two")

    def _change_again(self, step: str, pause: float) -> Race:
        """B changes the value while A's changed() is stopped."""
        self._change("three", "B")
        return Race(f"A's changed() was about to {step}, when B changed the value once more", "three")

    def _change(self, value: str, who: str) -> None:
        self.source(value)
        self.place.journal.note("source", f"the value is now {value!r}")
        self.changed(who)
