"""`two_level`: a cache in the process over one in Redis, and how long either may tell what is no longer so."""

from __future__ import annotations

from typing import Any

from grader.checks.caching.levels import BOUND, KEY, MOST, OTHER, SLOW, STUCK, Crew, History, Look
from grader.checks.caching.place import Place
from grader.checks.caching.unit import lab
from grader.checks.caching.values import told
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench
from grader.verdict import Evidence

OWN_COPY = (
    "What a process keeps is as old as the question that brought it: its time begins before that, not when the answer is "
    "there."
)
LIVES = 30.0  # seconds an entry in Redis lives at least, if nothing changes


# What is stopped at each of its steps (`Crew.meet`), whether B has had the value before, and for how long a get() is.
MEETINGS = (
    ("get", False, SLOW),
    ("get", False, STUCK),
    ("changed", False, SLOW),
    ("get", True, SLOW),
    ("changed", True, SLOW),
    ("both", True, SLOW),
)


@lab.exercise(
    "two_level",
    points=4,
    read="11-caching: Two levels",
    coverage=lambda h: (
        f"{len(h.races)} ways in which a change meets a get or another change" if h.races else ""
    ),
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
        crew = Crew(place)
        history.looks = crew.fresh()
        if history.looks:
            return history
        history.looks = [crew.look("A", "one"), crew.look("A", "one"), crew.look("B", "one")]
        crew.later(LIVES - 1)
        history.looks.append(crew.look("C", "one"))
        if not all(x.right for x in history.looks):
            return history
        crew.source("eight")
        history.apart = [crew.look("C", "eight", OTHER), crew.look("C", "one")]
        crew.fresh()
        for who in "AB":
            crew.look(who, "one")
        crew.look("A", "one", OTHER)
        crew.source("two")
        crew.changed("A")
        history.after = [crew.look("A", "two")]
        history.beside = crew.look("B", "one", OTHER)
        crew.later(BOUND)
        history.after += [crew.look("B", "two"), crew.look("C", "two"), crew.look("A", "two")]
        for part, warm, pause in MEETINGS:
            for number in range(MOST):
                crew.fresh()
                if warm:
                    crew.look("B", "one")
                    crew.later(BOUND + 0.5)
                race = crew.meet(part, number, pause)
                if race is None:
                    break
                history.races.append(race)
    return history


def wrong(look: Look, when: str, story: str = "", timeline: dict[str, Any] | None = None) -> Ruling:
    near = " without a question to Redis" if not look.commands and not look.loads else ""
    return fail(
        f"process {look.who} is told {look.wanted!r} {when}",
        f"get() {told(look.reply)}{near}" + (f"; {story}" if story else ""),
        OWN_COPY if near and story else "",
        [Evidence("timeline", story, timeline)] if timeline else [],
    )


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
    misconception="A change makes one entry wrong. Whoever empties the cache for it, or everything whose name begins "
    "alike, makes all the others be loaded again.",
)
def others_stay(history: History) -> Ruling:
    """A change of one key costs no load of another one."""
    beside = history.beside
    assert beside
    if beside.loads:
        return fail(
            f"0 loads of {OTHER}, which process A had loaded",
            f"after changed({KEY!r}) process {beside.who} loaded it again",
        )
    return beside.right or wrong(beside, f"of {OTHER}, after changed({KEY!r})")


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
            return wrong(race.own, "after its own changed()", race.story, race.timeline)
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
    """The same holds when the change meets a get() at any of its steps, or a get() or another change the change."""
    if not history.races:
        return unknown("No call had a step at which another could have come between.")
    for race in history.races:
        for x in race.looks:
            if not x.right:
                return wrong(x, "five seconds later", race.story, race.timeline)
    return True
