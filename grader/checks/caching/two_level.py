"""`two_level`: a cache in the process over one in Redis, and how long either may tell what is no longer so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.checks.caching.place import Place
from grader.checks.caching.unit import lab
from grader.checks.caching.values import says, told
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench, Reply, Resource
from grader.verdict import Evidence

BOUND = 5.0  # seconds
LIVES = 30.0  # seconds an entry in Redis lives at least, if nothing changes
SOURCE = "the-source-of-truth"
KEY, OTHER = "product:7", "product:8"
MOST = 12  # steps of one call at which another may come between
DRIVER = """
def __open__(redis, url):
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    global __cache__
    source = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=None)
    __cache__ = two_level(redis, lambda key: source.get("the-source-of-truth").decode())


def __get__(key):
    return __cache__.get(key)


def __changed__(key):
    return (getattr(__cache__, "changed", None) or getattr(__cache__, "invalidate"))(key)
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
    """A change and a get() that met at one step; `looks`: what everybody was told afterwards."""

    story: str
    own: Look | None
    looks: list[Look]
    timeline: dict[str, Any]


@dataclass
class History:
    looks: list[Look] = field(
        default_factory=list
    )  # undisturbed: first, again, another process, a third one later
    apart: list[Look] = field(default_factory=list)  # of another key, and of the first once more
    after: list[Look] = field(
        default_factory=list
    )  # after a change, at once for who made it, later for the others
    races: list[Race] = field(default_factory=list)


@lab.exercise(
    "two_level",
    points=4,
    read="11-caching: Two levels",
    coverage=lambda h: f"{len(h.races)} ways in which a change and a get meet" if h.races else "",
    hints=(
        "Who tells the other processes that a value has changed, and what if the message does not arrive? What if "
        "somebody was just loading the old one?",
        "What is kept in the process can carry the moment until which it holds. What is stored in Redis after a change "
        "must not be older than the change, though it may have been read before it.",
        "In the process: value and time.monotonic() plus a few seconds. In Redis: take a marker before loading and "
        "store only if it is still there; a change removes value and marker, and forgets its own.",
    ),
)
def two_level(answer: Answer, bench: Bench) -> History:
    history = History()
    with Place(answer, bench, sleeping="hold") as place:
        crew = {who: place.worker(driver=DRIVER) for who in "ABC"}

        def fresh(value: str = "one") -> None:
            with place.journal.changed:
                place.journal.let_go()
                place.journal.clear()
            place.cache.flushdb()
            place.cache.set(SOURCE, value)
            for who, worker in crew.items():
                redis = Resource("redis", place.proxy.url(who), id=f"r{who}")
                opened = worker.call("__open__", redis, place.proxy.url(f"source {who}"))
                if not opened.ok:
                    history.looks.append(Look(who, opened, value))

        def look(who: str, wanted: str, key: str = KEY) -> Look:
            before = len(place.journal.steps)
            reply = crew[who].call("__get__", key)
            steps = place.journal.steps[before:]
            return Look(
                who,
                reply,
                wanted,
                sum(s.caller == who for s in steps),
                sum(s.caller == f"source {who}" for s in steps),
            )

        fresh()
        if history.looks:
            return history
        history.looks = [look("A", "one"), look("A", "one"), look("B", "one")]
        place.clock.advance(LIVES - 1)
        history.looks.append(look("C", "one"))
        if not all(x.right for x in history.looks):
            return history
        place.cache.set(SOURCE, "eight")
        history.apart = [look("C", "eight", OTHER), look("C", "one")]
        fresh()
        for who in "AB":
            look(who, "one")
        place.cache.set(SOURCE, "two")
        crew["A"].call("__changed__", KEY)
        history.after = [look("A", "two")]
        place.clock.advance(BOUND)
        history.after += [look("B", "two"), look("C", "two"), look("A", "two")]
        for warm in (False, True):
            for part in ("get", "changed"):
                for number in range(MOST):
                    fresh()
                    if warm:
                        look("B", "one")
                        place.clock.advance(BOUND + 0.5)
                    race = meet(place, crew, look, part, number)
                    if race is None:
                        break
                    history.races.append(race)
    return history


def meet(place: Place, crew: dict[str, Any], look: Any, part: str, number: int) -> Race | None:
    """Stops B's get(), or A's changed(), before its step `number`, and lets the other one run. None: no such step."""
    slow, lanes = ("B", ("B", "source B")) if part == "get" else ("A", ("A",))
    if part == "changed":
        place.cache.set(SOURCE, "two")
    first = len([s for s in place.journal.steps if s.caller in lanes])

    def which(step: Any) -> bool:
        if step.caller not in lanes:
            return False
        before = [s for s in place.journal.steps if s.caller in lanes and s is not step]
        return len(before) - first == number

    place.journal.hold(which)
    pending = crew[slow].start(f"__{part}__", KEY)
    place.journal.wait(lambda: bool(place.journal.held()) or pending.done())
    held = place.journal.held()
    if not held:
        place.journal.let_go()
        pending.result()
        return None
    if part == "get":
        place.cache.set(SOURCE, "two")
        place.journal.note("source", "the value is now 'two'")
        crew["A"].call("__changed__", KEY)
        own = look("A", "two")
        story = f"B's get() was about to {held[0].text}, when A changed the value"
    else:
        look("B", "")
        own = None
        story = f"A's changed() was about to {held[0].text}, when B asked"
    place.journal.let_go()
    pending.result()
    place.clock.advance(BOUND)
    looks = [look(who, "two") for who in "BCA"]
    return Race(
        story, own, looks, place.journal.timeline(conclusion="" if all(x.right for x in looks) else "stale")
    )


def wrong(look: Look, when: str) -> Ruling:
    return fail(f"process {look.who} is told {look.wanted!r} {when}", f"get() {told(look.reply)}")


@two_level.property(
    weight=0, misconception="Two levels are still one cache: what comes out is what load() returned."
)
def right_value(history: History) -> Ruling:
    """Every process gets the value that load returns for its key."""
    looks = [*history.looks, *history.apart]
    return next((wrong(x, "of a key that nobody changed") for x in looks if not x.right), True)


@two_level.property(
    needs=["right_value"],
    weight=0,
    misconception="Asking Redis for what the process has just been told costs a round trip every time.",
)
def near_hit_is_free(history: History) -> Ruling:
    """What a process was told a moment ago costs it no command and no load."""
    again = history.looks[1]
    return not (again.commands or again.loads) or fail(
        "0 commands to Redis for the second get() of a process",
        f"{again.commands} commands, {again.loads} loads",
    )


@two_level.property(
    needs=["near_hit_is_free"],
    weight=0,
    misconception="What only one process knows has to be loaded by every process, and after every restart.",
)
def far_hit_loads_nothing(history: History) -> Ruling:
    """What one process loaded, another finds in Redis, half a minute later still."""
    for other in history.looks[2:]:
        if other.loads:
            return fail(
                "0 loads, because another process had loaded it", f"process {other.who} loaded it again"
            )
    return True


@two_level.property(
    needs=["far_hit_loads_nothing"],
    misconception="Whoever changes a value holds the old one as well, in the process and in Redis.",
)
def own_change_is_seen(history: History) -> Ruling:
    """The process that reported a change is told the new value from then on."""
    if not history.after[0].right:
        return wrong(history.after[0], "right after its own changed()")
    for race in history.races:
        if race.own is not None and not race.own.right:
            exhibit = Evidence("timeline", race.story, race.timeline)
            return fail(
                f"A is told 'two' after its own changed(); {race.story}",
                f"get() {told(race.own.reply)}",
                evidence=[exhibit],
            )
    return True


@two_level.property(
    needs=["far_hit_loads_nothing"],
    misconception="Another process has a copy that nobody can reach: it must run out by itself, or be told, and messages "
    "get lost.",
)
def staleness_is_bounded(history: History) -> Ruling:
    """Five seconds after a change every process is told the new value."""
    return next((wrong(x, "five seconds after A changed it") for x in history.after[1:] if not x.right), True)


@two_level.property(
    needs=["own_change_is_seen", "staleness_is_bounded"],
    misconception="Who was loading the old value while it changed puts it into Redis afterwards, for everybody and for "
    "as long as entries live.",
)
def bounded_in_every_order(history: History) -> Ruling:
    """The same holds when the change meets a get() at any of its steps, or a get() the change."""
    if not history.races:
        return unknown("No call had a step at which another could have come between.")
    for race in history.races:
        for x in race.looks:
            if not x.right:
                exhibit = Evidence("timeline", race.story, race.timeline)
                return fail(
                    f"process {x.who} is told 'two' five seconds later",
                    f"get() {told(x.reply)}; {race.story}",
                    evidence=[exhibit],
                )
    return True
