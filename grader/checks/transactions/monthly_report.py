"""`monthly_report`: every number of a report is of one moment."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from grader.checks.concurrency import CONN, Part, Rehearsal, Scene, all_end, blame, covered, holds
from grader.checks.exercise import Ruling, fail
from grader.checks.running import Answer, Bench, Reply
from grader.checks.transactions.unit import lab
from grader.instruments.explore import Run

TABLES = """
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    placed_at timestamptz NOT NULL,
    total numeric(12, 2) NOT NULL
);
CREATE TABLE payments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES orders,
    amount numeric(12, 2) NOT NULL,
    status text NOT NULL
)"""
KEYS = ("orders", "revenue", "paid")
ZONES = ("America/New_York", "Asia/Tokyo", "Australia/Sydney")
# One order and its payment, as one transaction of one statement: for the report there is a before and an after.
WRITER = """
def __place_order__(conn, id, placed_at, total):
    conn.autocommit = True
    conn.execute(
        "WITH o AS (INSERT INTO orders VALUES (%(id)s, %(at)s, %(total)s) RETURNING id) "
        "INSERT INTO payments (order_id, amount, status) SELECT o.id, %(total)s, 'captured' FROM o",
        {"id": id, "at": placed_at, "total": total},
    )
"""
TRUTH = """
SELECT pg_catalog.count(*), coalesce(sum(total), 0), coalesce((
           SELECT sum(p.amount) FROM public.payments p JOIN public.orders o ON o.id = p.order_id
            WHERE p.status = 'captured' AND o.placed_at >= %s AND o.placed_at < %s), 0)
  FROM public.orders WHERE placed_at >= %s AND placed_at < %s"""


@dataclass
class Alone:
    month: str
    reply: Reply | None
    truth: dict[str, Decimal]


@dataclass
class History:
    alone: list[Alone] = field(default_factory=list)
    before: dict[str, Decimal] = field(default_factory=dict)
    steps: list[dict[str, Decimal]] = field(default_factory=list)  # what one order, then the other, adds
    together: list[Scene] = field(default_factory=list)


@lab.exercise(
    "monthly_report",
    points=3,
    read="04-transactions: Snapshots",
    coverage=lambda h: covered(*h.together),
    hints=(
        "Your report asks several questions. If an order is placed between two of them, which answers know it?",
        "At READ COMMITTED every statement sees what is committed when the statement begins. There are levels at which "
        "the whole transaction sees what the first statement saw.",
        "Ask everything in one transaction whose snapshot is taken once, or ask everything in one statement. Locking "
        "writers out would do it too, and stop the shop.",
    ),
)
def monthly_report(answer: Answer, bench: Bench) -> History:
    database = bench.database("empty")
    database.execute(TABLES)
    random = bench.random("orders")
    # the sessions are where the nodes of a real shop are: not in UTC
    database.execute(
        f"ALTER ROLE learner IN DATABASE {database.name} SET timezone TO '{random.choice(ZONES)}'",
        role="admin",
    )
    year = random.randrange(2020, 2030)
    month = datetime.date(year, random.randrange(2, 12), 1)
    december = datetime.date(year, 12, 1)
    number = 0

    def order(at: str, total: Decimal, *paid: str) -> None:
        nonlocal number
        number += 1
        database.execute("INSERT INTO orders VALUES (%s, %s::timestamptz, %s)", number, at, total)
        for status in paid:
            database.execute(
                "INSERT INTO payments (order_id, amount, status) VALUES (%s, %s, %s)", number, total, status
            )

    def price() -> Decimal:
        return Decimal(random.randrange(500, 20000)) / 100

    for first in (month, december):
        last = _next(first) - datetime.timedelta(days=1)
        order(f"{first} 00:00:00+00", price(), "captured")
        order(f"{last} 23:59:59.999+00", price(), "captured")
        order(f"{_next(first)} 00:00:00+00", price(), "captured")
        order(f"{first - datetime.timedelta(days=1)} 23:59:59+00", price(), "captured")
        order(f"{first.replace(day=15)} 12:00:00+00", price())
        order(f"{first.replace(day=16)} 12:00:00+00", price(), "failed", "captured")
        order(f"{first.replace(day=17)} 12:00:00+00", price(), "refunded")

    def truth(first: datetime.date) -> dict[str, Decimal]:
        span = [f"{first} 00:00:00+00", f"{_next(first)} 00:00:00+00"]
        row = database.query(TRUTH, *span, *span)[0]
        return {key: Decimal(value) for key, value in zip(KEYS, row, strict=True)}

    history = History()
    with Rehearsal(answer, bench, database, callers=3, driver=WRITER) as rehearsal:
        owner = database.connection("learner")

        def reset() -> None:
            owner.execute(
                "DELETE FROM public.payments WHERE order_id > 1000; DELETE FROM public.orders WHERE id > 1000"
            )

        for first in (month, december, datetime.date(1999, 1, 1)):
            run = rehearsal.alone(Part("monthly_report", CONN, first), reset=reset)
            history.alone.append(Alone(f"{first:%B %Y}", run.replies[0], truth(first)))
            if not run.finished:
                return history
        history.before = history.alone[0].truth
        middle = datetime.datetime(year, month.month, 20, 12, tzinfo=datetime.UTC)
        writes = [Part("__place_order__", CONN, 1001 + i, middle, Decimal(1000 * (i + 1))) for i in range(2)]
        history.steps = [
            {"orders": Decimal(1), "revenue": Decimal(n), "paid": Decimal(n)} for n in (1000, 2000)
        ]
        report = Part("monthly_report", CONN, month)
        for title, parts in (
            ("a report while an order is placed", [report, writes[0]]),
            ("a report while two orders are placed", [report, *writes]),
        ):
            history.together.append(
                rehearsal.play(title, parts, reset=reset, wrong=lambda run: torn(history, run), max_runs=60)
            )
    return history


def _next(first: datetime.date) -> datetime.date:
    return (first.replace(day=28) + datetime.timedelta(days=4)).replace(day=1)


def read(value: Any) -> dict[str, Decimal] | None:
    """The report's numbers, or None if it is not a mapping with the three keys."""
    if not isinstance(value, Mapping) or not all(key in value for key in KEYS):
        return None
    try:
        return {key: Decimal(str(value[key])) for key in KEYS}
    except InvalidOperation:
        return None


def words(numbers: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{key} {value}" for key, value in numbers.items())


def torn(history: History, run: Run) -> str:
    """What a report mixes up, judged against every set of orders it may have seen."""
    reply = run.replies[0]
    if reply is None or not reply.ok:
        return f"the report {blame(reply)}"
    numbers = read(reply.value)
    if numbers is None:
        return f"the report is {str(reply.value)[:80]}"
    steps = history.steps
    for seen in ([], [0], [1], [0, 1]):
        state = {key: history.before[key] + sum((steps[i][key] for i in seen), Decimal(0)) for key in KEYS}
        if state == numbers:
            return ""
    return f"the report says {words(numbers)}: some of its numbers know an order that others do not"


@monthly_report.property(
    misconception="A month ends before the first moment of the next one; midnight is another moment where the session "
    "is not in UTC; what was not paid, or paid back, is no paid money; "
    "an empty month has zeros.",
)
def right_numbers(history: History) -> Ruling:
    """With nobody else at work, the report's numbers are right."""
    for case in history.alone:
        if case.reply is None or not case.reply.ok:
            return fail(f"a report for {case.month}", f"the call {blame(case.reply)}")
        numbers = read(case.reply.value)
        if numbers is None:
            return fail(
                f"a dict with the keys {', '.join(KEYS)} and numbers for {case.month}",
                f"{str(case.reply.value)[:120]}",
            )
        if numbers != case.truth:
            return fail(f"{case.month}: {words(case.truth)}", words(numbers))
    return True


@monthly_report.property(
    needs=["right_numbers"],
    misconception="A transaction by itself is no snapshot: at READ COMMITTED each statement sees what is committed when "
    "it begins.",
)
def one_snapshot(history: History) -> Ruling:
    """All numbers of a report are of one moment, whoever commits between its queries."""
    ended = all_end(history.together)
    if ended is not True:
        return ended
    return holds(
        history.together,
        lambda run: torn(history, run),
        expected="numbers from before an order or from after it",
    )


@monthly_report.property(
    needs=["one_snapshot"],
    misconception="A lock that keeps writers out gives one moment too, and the shop stands still while the report runs.",
)
def writers_go_on(history: History) -> Ruling:
    """Customers place their orders while the report runs: none of them waits."""
    return holds(
        history.together,
        lambda run: next(
            (
                f"an order ({w.waiter}) had to wait for {', '.join(w.holders)}"
                for w in run.waits
                if w.waiter[:2] != "T1"
            ),
            "",
        ),
        expected="orders that do not wait for a report",
    )
