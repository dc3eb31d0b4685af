"""`get_or_compute`: one of many who miss does the work; the others wait for it, and for nobody who is dead."""

from __future__ import annotations

from typing import Any

from grader.checks.caching.flights import CALLERS, COMPUTE, LEASE, LEASE_LIMIT, TTL, Flight
from grader.checks.caching.get_or_compute_scenes import (
    History,
    Orphans,
    latecomers,
    orphaned,
    overslept,
    slow,
    stampede,
    undisturbed,
)
from grader.checks.caching.place import Place
from grader.checks.caching.unit import lab
from grader.checks.caching.values import says, told
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench
from grader.verdict import Evidence


@lab.exercise(
    "get_or_compute",
    points=6,
    read="11-caching: Stampede",
    coverage=lambda h: (
        f"{CALLERS} concurrent misses in 2 processes, a holder killed between any two of its steps "
        f"({len(h.orphaned)} places), one that was slow, one that overslept"
        if h.overslept
        else ""
    ),
    hints=(
        "Fifty callers miss in the same moment. How does exactly one of them learn that the work is his, and how do "
        "the others learn that it is done?",
        "SET with NX gives a claim to one; EX takes it from him if he dies. A claim must also be known by its owner: "
        "who gives back what is no longer his takes it from somebody else.",
        "Look; claim with a token and a lease; whoever got it looks once more, computes, stores, and gives the claim "
        "back only if the token is still his; whoever did not sleeps a little and looks again.",
    ),
)
def get_or_compute(answer: Answer, bench: Bench) -> History:
    history = History()
    with Place(answer, bench, sleeping="hold") as place:

        def hire() -> Any:
            return place.worker(driver=COMPUTE, apart=True)

        one, two = hire(), hire()
        undisturbed(history, place, one, two)
        if answers.rule(history) is not True:
            return history
        history.stampede = stampede(place, one, two)
        if history.stampede.computed != 1:
            return history
        history.latecomers = latecomers(place, one, two)
        history.slow = slow(place, one, two)
        history.overslept = overslept(place, one, two)
        history.orphaned = orphaned(place, hire, two)
    return history


def got(flight: Flight) -> str:
    """What is wrong with the replies, "" if every caller was given the value."""
    for reply in flight.replies:
        if not reply.ok or not says(reply.value, flight.value):
            return f"a call {told(reply)}"
    return ""


@get_or_compute.property(
    weight=0,
    misconception="What was computed once is there for everybody, for as long as its lifetime says and no longer.",
)
def answers(history: History) -> Ruling:
    """The value is computed on a miss, found by every process after that, and computed anew when it has run out."""
    first, again, kept, later, other = (
        history.first,
        history.again,
        history.kept,
        history.later,
        history.other,
    )
    assert first and again and kept and later and other
    if text := got(first) or got(again):
        return fail("the value that compute() returns", text, evidence=[first.exhibit("The first call")])
    if first.computed != 1:
        return fail("compute() is called once on a miss", f"{first.computed} times")
    if again.computed != 1:
        return fail(
            "the second call, by another process, finds the value",
            "it computed again",
            evidence=[again.exhibit("Two calls, one after the other")],
        )
    if for_ever := [k for k, t in history.left.items() if t is None]:
        return fail("every key has an expiry", f"{for_ever[0]} stays for ever")
    for flight, computed, expected in (
        (kept, 1, f"after four fifths of its {TTL} seconds the value is found"),
        (later, 2, "once its lifetime is over, the value is computed anew"),
        (other, 3, "under another key another value is computed"),
    ):
        if flight.computed != computed or got(flight):
            return fail(expected, got(flight) or "it was not")
    assert history.empty
    return keeps(history.empty)


def keeps(empty: Flight) -> Ruling:
    """Whether an empty text was found by the second call."""
    text = got(empty) or ("" if empty.computed == 1 else f"{empty.computed} computations")
    return not text or fail(
        "an empty text is a value like others: the second call finds it",
        text,
        "An empty text counts as false: ask whether there is an entry, not whether it is true.",
        [empty.exhibit("Two calls, one after the other")],
    )


@get_or_compute.property(
    needs=["answers"],
    misconception="Everybody who misses concludes that the work is his. A lock inside a process stops its threads, not "
    "the other processes.",
)
def one_computation(history: History) -> Ruling:
    """Fifty concurrent misses, in two processes, make one computation, and all fifty get its value."""
    flight = history.stampede
    assert flight
    if flight.computed != 1:
        return fail(
            f"1 computation for {CALLERS} concurrent misses",
            f"{flight.computed} computations",
            evidence=[Evidence("counts", "Computations", {"needed": 1, "made": flight.computed})],
        )
    if text := got(flight):
        return fail(f"all {CALLERS} callers get the value", text)
    if flight.together < CALLERS:
        return unknown(f"Only {flight.together} of {CALLERS} calls were under way at once.")
    return True


@get_or_compute.property(
    needs=["one_computation"],
    misconception="Between the look and the claim somebody may have done the work: the claim is free again, and so is the "
    "way to compute once more.",
)
def looks_once_more(history: History) -> Ruling:
    """Who had missed, and gets the claim when another one has computed, finds the value."""
    for late in history.latecomers:
        if late.flight.computed != 1 or got(late.flight):
            return fail(
                "1 computation: who gets the claim looks once more",
                f"one had missed, and was about to {late.step} when another one was called, computed and stored; "
                + (got(late.flight) or f"{late.flight.computed} computations"),
                evidence=[late.flight.exhibit("One who comes late")],
            )
    return True


@get_or_compute.property(
    needs=["one_computation"],
    misconception="A claim that only its owner can take back is one for ever when the owner is killed.",
)
def dead_holder_is_replaced(history: History) -> Ruling:
    """When the process that computes is killed, whatever it was about to do, somebody else computes once its lease is over."""
    for_ever = [orphans for orphans in history.orphaned if orphans.lease is None]
    if for_ever:
        return replaced(for_ever[0])
    if history.unasked is None or history.unasked > LEASE_LIMIT:
        happened = (
            "it stays for ever" if history.unasked is None else f"it lasts another {history.unasked:,.0f}"
        )
        return fail(f"a lease of at most {LEASE_LIMIT:.0f} seconds where none is asked for", happened)
    for orphans in history.orphaned:
        ruling = replaced(orphans)
        if ruling is not True:
            return ruling
    return True


def replaced(orphans: Orphans) -> Ruling:
    """Whether those who waited for one that died got what they wanted."""
    died = f"the holder died when it was about to {orphans.step}; " if orphans.step else ""
    picture = [orphans.flight.exhibit("After the holder died")]
    if orphans.lease is None:
        return fail(
            "a claim with a lease",
            f"{died}the dead holder's key in Redis has no expiry: everybody waits for ever",
            evidence=picture,
        )
    if not orphans.in_time:
        return fail(
            f"with lease={orphans.asked} one of those who wait computes {orphans.asked} seconds after the holder died",
            f"{died}nobody did; what the dead holder left in Redis stays for {orphans.lease:,.0f}",
            evidence=picture,
        )
    flight = orphans.flight
    if text := got(flight):
        return fail(
            "those who waited get the value, computed by one of them",
            f"{died}the lease was over, and {text}",
            evidence=picture,
        )
    if not flight.computed and not orphans.step:
        return fail("one of those who wait computes", "nobody did")
    if flight.computed > 1:
        return fail(
            "one of those who wait computes, and the others wait for that one",
            f"{died}{flight.computed} computations",
            "Whoever has waited for as long as a lease must ask for the claim as well before he computes.",
            picture,
        )
    return True


@get_or_compute.property(
    needs=["one_computation"],
    misconception="Whoever loses patience and computes by himself doubles the load just when it is highest.",
)
def slow_compute_is_not_doubled(history: History) -> Ruling:
    """While a slow computation is under way and its lease lasts, nobody starts a second one or gives up."""
    flight = history.slow
    assert flight
    if flight.computed != 1:
        return fail(
            f"1 computation, however long it takes within its lease, with lease={LEASE}",
            f"{flight.computed} computations",
            evidence=[flight.exhibit("A slow computation")],
        )
    text = got(flight)
    return not text or fail(
        "those who wait get the value", text, evidence=[flight.exhibit("A slow computation")]
    )


@get_or_compute.property(
    needs=["one_computation"],
    misconception="The lock that is there when you are done need not be yours: your lease ran out, and DEL removes "
    "another's.",
)
def nobody_elses_claim(history: History) -> Ruling:
    """A holder that overslept its lease does not give back the claim of the one who took over."""
    flight = history.overslept
    assert flight
    if flight.computed < 2:
        return True  # it keeps its claim alive, or the others wait on: nobody took over
    if flight.computed > 2:
        return fail(
            "2 computations: the one that overslept, and the one that took over",
            f"{flight.computed}: a third caller found no claim while the second one still computed",
            evidence=[flight.exhibit("A holder that overslept")],
        )
    text = got(flight)
    return not text or fail(
        "every caller gets the value", text, evidence=[flight.exhibit("A holder that overslept")]
    )
