"""`apply_webhook`: a provider's webhooks come twice, out of order or never, and what is stored is right all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import permutations
from random import Random
from typing import Any

from grader.checks.concurrency import Rehearsal, all_end
from grader.checks.exercise import Ruling
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
from grader.checks.idempotency.unit import lab
from grader.checks.running import Answer, Bench
from grader.checks.tables import Tables
from grader.instruments.webhooks import deliveries, story

SCHEMA = """
CREATE TABLE payments (
    reference text PRIMARY KEY,
    status    text NOT NULL,
    amount    int NOT NULL,
    refunded  int NOT NULL,
    sequence  int NOT NULL
);
CREATE TABLE webhooks (event_id text PRIMARY KEY, received_at timestamptz NOT NULL DEFAULT now());
"""
Event = Mapping[str, Any]
THREE = 30  # schedules of three deliveries
LESS = 250  # cents


def tale(reference: str, amount: int, *told: tuple[str, int]) -> list[dict[str, Any]]:
    """Events of one payment in the order they happened; told: (status, cents given back by then).

    Less is taken than the customer had agreed to, so the amount is another from the second event on.
    """
    events = story(reference, amount, *(status for status, _ in told))
    for event in events[1:]:
        event["data"]["amount"] -= LESS
    for event, (_, refunded) in zip(events, told, strict=True):
        event["created"] = 1893499200  # the provider's clock ticks in whole seconds: it all happened in one
        event["data"]["refunded"] = refunded
    return events


@lab.exercise(
    "apply_webhook",
    points=4,
    read="10-idempotency: Inbox: events from others",
    coverage=coverage,
    hints=(
        "The refund arrives, the success never does. What of the state after the refund do you need the success for?",
        "Each event tells the whole state as of its sequence number. So the question is never what happened in between, "
        "only whether what is stored is older, and whether nobody stores something newer between that look and your "
        "write.",
        "One conditional upsert: take the event's whole state if there is no row, or if the row's sequence is lower. "
        "Anything else is a duplicate or too late, and a success.",
    ),
)
def apply_webhook(answer: Answer, bench: Bench) -> History:
    random = bench.random("webhooks")
    database = bench.database("empty")
    one, two, three = (f"order-{n}" for n in random.sample(range(100, 999), 3))
    amount = random.randrange(2000, 9000)
    tables = Tables(database, SCHEMA, "insert into public.payments values ('order-1', 'created', 100, 0, 1)")
    part = amount // 4
    events = tale(
        one, amount, ("created", 0), ("succeeded", 0), ("disputed", 0), ("succeeded", 0), ("refunded", part)
    )
    _, succeeded, disputed, _, refunded = events
    more = tale(
        two, amount, *(("created", 0), ("succeeded", 0)), *(("refunded", n) for n in range(10, 110, 10))
    )

    def observe() -> State:
        rows = tables.rows(
            "select reference, status, amount, refunded, sequence from public.payments order by 1"
        )
        return [[str(v) for v in row] for row in rows]

    def wanted(told: Sequence[Event]) -> State:
        newest: dict[str, Event] = {}
        for event in told:
            reference = event["data"]["reference"]
            if reference not in newest or newest[reference]["sequence"] < event["sequence"]:
                newest[reference] = event
        rows = [["order-1", "created", "100", "0", "1"]]
        for reference, event in newest.items():
            data = event["data"]
            rows.append(
                [
                    reference,
                    data["status"],
                    str(data["amount"]),
                    str(data["refunded"]),
                    str(event["sequence"]),
                ]
            )
        return sorted(rows)

    history = History()
    with Rehearsal(answer, bench, database, callers=3, limits=PATIENT) as rehearsal:
        post = Postman(answer, rehearsal, tables, observe, lambda e: [dict(e)], words)

        for kind, what, told in _plan(events, more, random):
            if not history.hopeless:
                history.series.append(post.series(kind, what, told, wanted(told)))
        if history.hopeless:
            return history

        def together(title: str, *told: Event, reset: Any = None, **more: Any) -> None:
            history.together.append(post.together(title, told, wanted(told), reset=reset, **more))

        def known(*references: str) -> None:
            tables()
            for reference in references:
                tables.write(
                    "insert into public.payments values (%s, 'created', %s, 0, 1)", reference, amount
                )

        one_known, both_known = partial(known, one), partial(known, two, three)

        together("two events of a new payment", refunded, succeeded)
        together("two events of a known payment", refunded, succeeded, reset=one_known)
        together("one event delivered to two processes", succeeded, succeeded, reset=one_known)
        together(
            "three events of a known payment", refunded, succeeded, disputed, reset=one_known, max_runs=THREE
        )
        history.crash.append(post.crash("an event cut short", refunded, wanted([refunded]), reset=one_known))
        history.crash.append(post.crash("a first event cut short", refunded, wanted([refunded])))
        apart = [tale(r, amount, ("created", 0))[0] for r in (two, three)]
        again = [tale(r, amount, ("created", 0), ("succeeded", 0))[1] for r in (two, three)]
        history.unrelated = [
            post.together(what, told, wanted(told), max_switches=1, reset=reset).scene
            for what, told, reset in (
                ("events of two new payments", apart, tables),
                ("events of two known payments", again, both_known),
            )
        ]
    return history


def _plan(
    events: Sequence[Event], more: Sequence[Event], random: Random
) -> list[tuple[str, str, list[Event]]]:
    """(property, description, events in order of arrival) of each undisturbed series."""
    created, succeeded, disputed, won, refunded = events
    reference, amount = created["data"]["reference"], created["data"]["amount"]
    part = refunded["data"]["refunded"]
    found: list[tuple[str, str, list[Event]]] = []

    def add(kind: str, what: str, *told: Event) -> None:
        found.append((kind, what, list(told)))

    add("apply", "the first event of a payment", created)
    add("apply", "a payment's whole story in order", *events)
    add("apply", "the stories of two payments side by side", created, more[0], succeeded, more[1])
    add("again", "an event delivered twice", created, created)
    add("again", "a refund delivered twice", *events, refunded)
    add("again", "the whole story delivered twice", *events, *events)
    for number, order in enumerate(permutations([succeeded, disputed, won]), 1):
        add("order", f"success, dispute and its end, order {number} of 6", *order)
    again = tale(
        reference,
        amount,
        ("created", 0),
        ("succeeded", 0),
        *((s, part) for s in ("refunded", "disputed", "succeeded")),
    )
    add("order", "a dispute after the refund", *again[:4])
    add("order", "a dispute after the refund, and its end before it", *again[:3], again[4], again[3])
    back = tale(reference, amount, ("created", 0), ("succeeded", 0), ("refunded", part), ("succeeded", 0))
    add("order", "a refund that fails and is taken back", *back)
    add("order", "more than nine events, the tenth before the ninth", *more[:8], more[9], more[8])
    add("order", "a story backwards", *reversed(events))
    add("missing", "only the refund arrives", refunded)
    add("missing", "the success never arrives", created, refunded)
    add("missing", "the first event never arrives", succeeded, refunded, succeeded)
    add("missing", "only the refund arrives, and does so twice", refunded, refunded)
    add("missing", "the first event never arrives, the success after the refund", refunded, succeeded)
    for number in (1, 2):
        gone = [random.randrange(0, 4)]
        sent = deliveries([dict(e) for e in events], random, duplicates=2, lost=gone)
        add("missing", f"shuffled, repeated and incomplete, number {number}", *sent)
    return found


def words(event: Event) -> str:
    data = event["data"]
    back = f", {data['refunded']} given back" if data["refunded"] else ""
    return f"{data['reference']} number {event['sequence']}: {data['status']}{back}"


def stored(state: State) -> str:
    rows = [f"{r} {s} {a}, {b} given back, sequence {n}" for r, s, a, b, n in state if r != "order-1"]
    return "; ".join(rows) or "no payment"


@apply_webhook.property(
    misconception="An event tells the whole state of its payment; all of it belongs into the row.",
)
def state_applied(history: History) -> Ruling:
    """Events that arrive in order leave the state of the last one."""
    return serve(history.of("apply"), "the state of the event with the highest sequence", stored)


@apply_webhook.property(
    needs=["state_applied"],
    misconception="`refunded` is what was given back in all by then, not a change: adding it up counts it twice.",
)
def duplicates_change_nothing(history: History) -> Ruling:
    """An event delivered again changes nothing and is no error."""
    return serve(history.of("again"), "an event that was applied changes nothing when it comes again", stored)


@apply_webhook.property(
    needs=["state_applied"],
    misconception="Neither the order of arrival, nor the rank of a status, nor the greater of two amounts, nor a clock that "
    "ticks in seconds says which event is the newer one: the sequence does, and all of the row comes from that event.",
)
def order_does_not_matter(history: History) -> Ruling:
    """Whatever the order of arrival, the event with the highest sequence remains."""
    return serve(history.of("order"), "the state of the event with the highest sequence", stored)


@apply_webhook.property(
    needs=["state_applied"],
    misconception="An event that never arrives must not keep those after it from being applied.",
)
def gaps_do_not_stop_it(history: History) -> Ruling:
    """When events never arrive, the newest of those that did is applied."""
    return serve(history.of("missing"), "the state of the newest event that arrived", stored)


@apply_webhook.property(
    needs=["state_applied"],
    misconception="Between the look at the stored sequence and the write somebody else has stored a newer one.",
)
def newest_wins_under_all_schedules(history: History) -> Ruling:
    """Under every interleaving the newest event remains."""
    ended = all_end(history.scenes)
    if ended is not True:
        return ended
    return converges(history.together, "the state of the newest event under every interleaving", stored)


@apply_webhook.property(
    needs=["state_applied"],
    misconception="An event that is remembered as received before it is applied is lost when the process dies in between.",
)
def survives_every_cut(history: History) -> Ruling:
    """A delivery cut short anywhere and repeated has its effect."""
    ruling = converges(history.crash, "the event's state, once it has been delivered again", stored)
    if ruling is not True:
        return ruling
    return whole(history.crash, "all of an event's effect or none", stored)


@apply_webhook.property(
    needs=["state_applied", "newest_wins_under_all_schedules"],
    misconception="Only events of the same payment have something to wait for.",
)
def others_go_on(history: History) -> Ruling:
    """Events of different payments never wait for each other."""
    return waits(history.unrelated, "events of different payments do not wait for each other")
