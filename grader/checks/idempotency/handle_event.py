"""`handle_event`: points are booked once for each event, however often and in whatever order it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

from grader.checks.concurrency import Rehearsal, all_end, blame
from grader.checks.exercise import Ruling, fail
from grader.checks.idempotency.deliveries import (
    PATIENT,
    History,
    Postman,
    State,
    converges,
    coverage,
    serve,
    waits,
    whole,
)
from grader.checks.idempotency.meanwhile import cancelled
from grader.checks.idempotency.unit import lab
from grader.checks.running import Answer, Bench
from grader.checks.tables import Tables

SCHEMA = """
CREATE TABLE balances (customer_id bigint PRIMARY KEY, points int NOT NULL);
CREATE TABLE inbox (event_id text PRIMARY KEY, handled_at timestamptz NOT NULL DEFAULT now());
"""
Event = Mapping[str, Any]


@lab.exercise(
    "handle_event",
    points=4,
    read="10-idempotency: At least once, effectively once",
    coverage=coverage,
    hints=(
        "The process dies after the points were booked and before the broker heard of it. The event comes again, in "
        "another process: what tells that process that it was handled?",
        "What was handled has to be remembered in the same transaction as the effect, so that both are there or "
        "neither. A unique key decides between two who handle the same event at the same moment.",
        "In one transaction: put the event's id into the inbox, leaving it be if it is there; only if a row was put in, "
        "book the points. Commit once. An event that was handled before is a success.",
    ),
)
def handle_event(answer: Answer, bench: Bench) -> History:
    random = bench.random("events")
    database = bench.database("empty")
    customer, other, third, new = random.sample(range(100, 999), 4)
    had = random.randrange(5, 15)  # a balance may go below zero
    tables = Tables(
        database,
        SCHEMA,
        f"insert into public.balances values ({customer}, {had}), ({other}, 5), ({third}, 5)",
    )
    first = random.randrange(1000, 8000)

    def event(number: int, points: int, who: int = customer) -> Event:
        at = f"2030-01-01T12:{number:02}:00+00:00"
        return {"id": f"evt_{first + number}", "customer_id": who, "points": points, "created": at}

    def observe() -> State:
        rows = tables.rows("select customer_id, points from public.balances order by customer_id")
        return [[str(c), str(p)] for c, p in rows]

    def wanted(events: Sequence[Event]) -> State:
        points = Counter({customer: had, other: 5, third: 5})
        for one in {e["id"]: e for e in events}.values():
            points[one["customer_id"]] += one["points"]
        return sorted([str(c), str(p)] for c, p in points.items())

    history = History()
    with Rehearsal(answer, bench, database, callers=3, limits=PATIENT) as rehearsal:
        post = Postman(answer, rehearsal, tables, observe, lambda e: [dict(e)], words)

        def series(kind: str, what: str, *told: Event) -> None:
            # Ids of its own, so that what a process remembers from one series says nothing about the next.
            events = [{**e, "id": f"{e['id']}{chr(97 + len(history.series))}"} for e in told]
            if not history.hopeless:
                history.series.append(post.series(kind, what, events, wanted(events)))

        a, b, c = event(1, 10), event(2, 25), event(3, -15)
        twin = event(4, 10)  # another event that says the same as the first
        series("effect", "one event", a)
        series("effect", "an event of a customer without a balance", event(5, 30, new))
        series("effect", "three events of one customer", a, b, c)
        series("effect", "two different events that say the same", a, twin)
        series("effect", "a new customer's first event, which takes points", event(8, -5, new))
        series("again", "an event delivered twice", a, a)
        series("again", "an event delivered again after others", a, b, c, a, b)
        series("again", "the first event of a customer delivered twice", event(5, 30, new), event(5, 30, new))
        for number, order in enumerate(permutations([a, b, c]), 1):
            series("order", f"three events with repetition, order {number} of 6", *order, order[0])
        if history.hopeless:
            return history

        def together(title: str, *events: Event, **more: Any) -> None:
            if not history.hopeless:
                history.together.append(post.together(title, events, wanted(events), **more))

        together("one event delivered to two processes", a, a)
        together("two events of one customer", a, b)
        together(
            "the first event of a customer delivered to two processes", event(5, 30, new), event(5, 30, new)
        )
        together("the first two events of a customer", event(5, 30, new), event(9, 12, new))
        if history.hopeless:
            return history
        history.crash.append(post.crash("an event cut short", a, wanted([a])))
        history.crash.append(
            post.crash("a customer's first event cut short", event(5, 30, new), wanted([event(5, 30, new)]))
        )
        history.unrelated = [
            post.together(what, apart, wanted(apart), max_switches=1).scene
            for what, apart in (
                ("events of two customers", [event(6, 1, other), event(7, 1, third)]),
                ("the first events of two customers", [event(6, 1, new), event(7, 1, new + 1000)]),
            )
        ]
        what = "the server cancels a statement that waits, the connection goes back to its pool"
        row = f"select from public.balances where customer_id = {customer} for update"
        history.series.append(cancelled(post, what, a, wanted([a]), tables, row))
    return history


def words(event: Event) -> str:
    return f"{event['id']} ({event['points']:+} for {event['customer_id']})"


def stored(state: State) -> str:
    return ", ".join(f"{points} points of customer {who}" for who, points in state) or "nothing"


@handle_event.property(
    misconception="An event is told from another by its id alone: two customers' purchases, or two of one customer, may "
    "say the same.",
)
def points_booked(history: History) -> Ruling:
    """Every event changes its customer's balance by its points."""
    return serve(history.of("effect"), "each event adds its points to its customer's balance", stored)


@handle_event.property(
    needs=["points_booked"],
    misconception="At least once means: sooner or later twice. What was handled has to be remembered.",
)
def duplicates_have_no_effect(history: History) -> Ruling:
    """An event delivered again changes nothing and is no error."""
    return serve(history.of("again"), "an event that was handled changes nothing when it comes again", stored)


@handle_event.property(
    needs=["points_booked", "duplicates_have_no_effect"],
    misconception="That a later event was handled does not mean the earlier ones were: queues overtake.",
)
def order_does_not_matter(history: History) -> Ruling:
    """Events that come late are booked like any other."""
    return serve(history.of("order"), "the points of every event once, whatever the order of arrival", stored)


@handle_event.property(
    needs=["points_booked"],
    misconception="Both looked before either wrote. Of one event, only a unique key or a lock decides who handles it; of two "
    "events, both change one balance: add to what is there, also where another has just made the row.",
)
def once_under_all_schedules(history: History) -> Ruling:
    """Two processes that handle at the same moment book each event once."""
    ended = all_end(history.scenes)
    if ended is not True:
        return ended
    return converges(history.together, "the points of every event once, under every interleaving", stored)


@handle_event.property(
    needs=["points_booked"],
    misconception="Remembering and booking in two transactions leaves a gap: a crash in it books twice, or never.",
)
def once_under_all_crashes(history: History) -> Ruling:
    """A handler that fails anywhere and is called again has booked once."""
    ruling = converges(history.crash, "the points once, after the event has been delivered again", stored)
    if ruling is not True:
        return ruling
    ruling = whole(history.crash, "all of an event's effect or none", stored)
    if ruling is not True:
        return ruling
    return _handled_after_all(history)


def _handled_after_all(history: History) -> Ruling:
    """Whether an event whose first delivery was cancelled is handled by the second."""
    for one in history.of("cancelled"):
        last = one.replies[-1]
        if last is None or not last.ok or one.state != one.wanted:
            waits = last is not None and last.ended
            return fail(
                "the event is handled once, when it is delivered again over another connection",
                f"{one.what}; delivered again, the call {'waits for that connection' if waits else blame(last)}, "
                f"stored is {stored(one.state)}",
                "A pool rolls back what comes back to it and keeps the connection open: a lock of the session stays, and "
                "whoever needs it next waits for ever. It has to be given back also when something fails."
                if waits
                else "",
                [one.table()],
            )
    return True


@handle_event.property(
    needs=["points_booked", "once_under_all_schedules"],
    misconception="Only events of the same customer have something to wait for.",
)
def others_go_on(history: History) -> Ruling:
    """Events of different customers never wait for each other."""
    return waits(history.unrelated, "events of different customers do not wait for each other")
