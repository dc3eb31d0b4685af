"""`upsert_price`: price messages that come twice, late and at once all end in the newest price."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from itertools import permutations
from typing import Any

from grader.checks.concurrency import Rehearsal, all_end
from grader.checks.exercise import Ruling
from grader.checks.idempotency.deliveries import (
    PATIENT,
    History,
    Postman,
    State,
    answered,
    converges,
    coverage,
    serve,
    waits,
    whole,
)
from grader.checks.idempotency.meanwhile import overtaken
from grader.checks.idempotency.unit import lab
from grader.checks.running import Answer, Bench
from grader.checks.tables import Tables

SCHEMA = """
CREATE TABLE prices (
    sku   text PRIMARY KEY,
    price numeric(10, 2) NOT NULL,
    at    timestamptz NOT NULL
);
"""
Message = tuple[str, Decimal, datetime]
THREE = 30  # schedules of three calls
READ = "10-idempotency: Natural idempotency"


@lab.exercise(
    "upsert_price",
    points=3,
    read=READ,
    coverage=coverage,
    hints=(
        "A message from ten o'clock is delivered again at noon. How does your code tell that the row already knows "
        "something newer, and who may change the row between that look and the write?",
        "A write that carries its own condition looks and changes in one step; the conflict of two inserts can be told "
        "what to do instead of failing.",
        "One statement: insert; where the sku is there already, update it, but only where the stored moment is older "
        "than the new one. Then commit. No row touched is a good outcome.",
    ),
)
def upsert_price(answer: Answer, bench: Bench) -> History:
    random = bench.random("prices")
    database = bench.database("empty")
    sku, other, third = (f"SKU-{n}" for n in random.sample(range(1000, 9999), 3))
    noon = datetime(2029, random.randrange(1, 12), random.randrange(1, 28), 12, tzinfo=UTC)
    low, mid, high, start = (Decimal(n) / 100 for n in sorted(random.sample(range(500, 9000), 4)))
    bystander: Message = ("BYSTANDER", Decimal("1.00"), noon)
    tables = Tables(
        database,
        SCHEMA,
        f"insert into public.prices values ('{bystander[0]}', {bystander[1]}, '{bystander[2].isoformat()}')",
    )

    def after(minutes: int, price: Decimal, name: str = sku) -> Message:
        return (name, price, noon + timedelta(minutes=minutes))

    def observe() -> State:
        rows = tables.rows("select sku, price, at from public.prices order by sku")
        return [[s, str(p), a.astimezone(UTC).isoformat(sep=" ")] for s, p, a in rows]

    def wanted(messages: Sequence[Message]) -> State:
        newest: dict[str, Message] = {}
        for message in [bystander, *messages]:
            if message[0] not in newest or newest[message[0]][2] < message[2]:
                newest[message[0]] = message
        return sorted([s, f"{p:.2f}", a.astimezone(UTC).isoformat(sep=" ")] for s, p, a in newest.values())

    history = History()
    with Rehearsal(answer, bench, database, callers=3, limits=PATIENT) as rehearsal:
        post = Postman(answer, rehearsal, tables, observe, lambda m: m, words)

        def series(kind: str, what: str, *messages: Message) -> None:
            if not history.hopeless:
                history.series.append(post.series(kind, what, messages, wanted(messages)))

        first, second, last, again = after(0, mid), after(5, high), after(10, low), after(8, mid)
        series("store", "a price for a sku without one", first)
        series("store", "a newer and higher price", first, second)
        series("store", "a newer and lower price", first, last)
        series("store", "a price of zero", first, after(5, Decimal("0.00")))
        series("replay", "a message delivered twice", first, first)
        series("replay", "an old message delivered again after a newer one", first, second, first)
        series("replay", "everything delivered twice", first, second, last, first, second, last)
        for number, order in enumerate(permutations([first, second, last]), 1):
            series("order", f"three prices, order {number} of 6", *order)
        # The price goes up and comes back: what is older than the return must not win because the price is the same.
        series("order", "the same price confirmed later, then an older one", first, again, after(4, high))
        series("order", "the same price confirmed later, then the first once more", first, again, first)
        series(
            "order",
            "messages a microsecond apart, the older one last",
            first,
            (sku, low, noon + timedelta(microseconds=2)),
            (sku, high, noon + timedelta(microseconds=1)),
        )
        series("order", "messages that carry moments of other time zones", *_zones(sku, low, high, noon))
        if history.hopeless:
            return history

        def known(*names: str) -> None:
            tables()
            for name in names:
                tables.write("insert into public.prices values (%s, %s, %s)", *after(-5, start, name))

        one_known, both_known = partial(known, sku), partial(known, other, third)
        what = "a newer price while two older ones are being written, one after the other"
        history.series.append(
            overtaken(post, what, last, wanted([last]), one_known, (_write(first), _write(second)))
        )

        def together(title: str, *messages: Message, **more: Any) -> None:
            history.together.append(post.together(title, messages, wanted(messages), **more))

        together("a newer and an older price of a new sku", second, first)
        together("a newer and an older price of a known sku", second, first, reset=one_known)
        together("three prices of a known sku", last, first, second, reset=one_known, max_runs=THREE)
        cut = wanted([second])
        history.crash.append(post.crash("a delivery cut short", second, cut, reset=one_known))
        history.crash.append(post.crash("a first delivery cut short", second, cut))
        others = [after(0, mid, other), after(0, high, third)]
        history.unrelated = [
            post.together(what, others, wanted(others), max_switches=1, reset=reset).scene
            for what, reset in (("prices of two new skus", tables), ("prices of two known skus", both_known))
        ]
    return history


def _write(message: Message) -> str:
    name, price, at = message
    moment = f"timestamptz '{at.isoformat()}'"
    return f"update public.prices set price = {price}, at = {moment} where sku = '{name}' and at < {moment}"


def _zones(sku: str, low: Decimal, high: Decimal, noon: datetime) -> list[Message]:
    """The newer message looks older to whoever compares the clocks on the wall."""
    west = (noon + timedelta(hours=1)).astimezone(timezone(timedelta(hours=-8)))
    east = noon.astimezone(timezone(timedelta(hours=9)))
    return [(sku, low, west), (sku, high, east)]


def words(message: Message) -> str:
    return f"{message[0]} {message[1]} at {message[2]:%H:%M:%S%z}"


def stored(state: State) -> str:
    rows = [f"{s} {p} at {a[11:]}" for s, p, a in state if s != "BYSTANDER"]
    return ", ".join(rows) or "nothing"


@upsert_price.property(
    misconception="Whether a price is stored depends on its moment, on nothing else: not on whether it rises or falls, "
    "nor on whether there was a row.",
)
def newer_price_stored(history: History) -> Ruling:
    """A price for a new sku is stored, and a newer price replaces an older one."""
    return serve(
        history.of("store"),
        "the newest price of the sku and its moment are stored, other skus untouched",
        stored,
    )


@upsert_price.property(
    needs=["newer_price_stored"],
    misconception="A message that is delivered again is no newer than it was the first time.",
)
def replay_changes_nothing(history: History) -> Ruling:
    """A message delivered again changes nothing and is no error."""
    return serve(history.of("replay"), "a message that is delivered again changes nothing", stored)


@upsert_price.property(
    needs=["newer_price_stored"],
    misconception="The last message to arrive is not the newest: what counts is the moment it speaks of. A confirmation "
    "speaks of one too: the moment moves on where the price stays.",
)
def order_does_not_matter(history: History) -> Ruling:
    """Whatever the order of arrival, the price of the latest moment remains."""
    return serve(
        history.of("order"), "the price with the latest moment, whatever the order of arrival", stored
    )


@upsert_price.property(
    needs=["newer_price_stored"],
    misconception="Between the look at the stored moment and the write somebody else has written: the decision rests on "
    "what was there before.",
)
def newest_wins_under_all_schedules(history: History) -> Ruling:
    """Under every interleaving the newest price remains."""
    ended = all_end(history.scenes)
    if ended is not True:
        return ended
    return converges(history.together, "the price with the latest moment under every interleaving", stored)


@upsert_price.property(
    needs=["newer_price_stored"],
    misconception="Two calls that both find no row both insert one; the server lets only one of them.",
)
def every_call_returns(history: History) -> Ruling:
    """Concurrent messages of one sku are no error for any sender."""
    ruling = answered(history.together, "every call returns, whoever came first")
    if ruling is not True:
        return ruling
    return serve(history.of("queue"), "the newest price is stored, whoever came between", stored)


@upsert_price.property(
    needs=["newer_price_stored", "replay_changes_nothing"],
    misconception="Between two commits the call can end: what is gone then is gone.",
)
def survives_every_cut(history: History) -> Ruling:
    """A delivery cut short anywhere leaves the old price or the new one, and can be repeated."""
    ruling = whole(history.crash, "the old price or the new one at any time", stored)
    if ruling is not True:
        return ruling
    return converges(history.crash, "the new price, once the message has been delivered again", stored)


@upsert_price.property(
    needs=["newer_price_stored", "newest_wins_under_all_schedules"],
    misconception="A lock on more than the row makes the whole price list wait for one message.",
)
def others_go_on(history: History) -> Ruling:
    """Prices of different skus never wait for each other."""
    return waits(history.unrelated, "messages about different skus do not wait for each other")
