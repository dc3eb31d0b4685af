"""`index_budget`: the whole index set of a table, paid for by its writers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from grader.checks.exercise import Ruling, fail
from grader.checks.indexing import ddl
from grader.checks.indexing.queries import customers_with, exhibit
from grader.checks.indexing.unit import lab
from grader.checks.running import Answer, Bench, Database
from grader.checks.together import together
from grader.instruments.indexes import redundant
from grader.instruments.plans import Plan, explain
from grader.instruments.work import WalWork, wal_per_write
from grader.verdict import Evidence

# name -> (query, pages it may touch at a hundred thousand orders)
QUERIES = {
    "newest": (
        "SELECT id, placed_at, status, total FROM orders WHERE customer_id = %(customer)s ORDER BY placed_at DESC LIMIT 20",
        40,
    ),
    "since": ("SELECT count(*) FROM orders WHERE customer_id = %(customer)s AND placed_at >= %(since)s", 20),
    "delivered": (
        "SELECT id, placed_at, total FROM orders WHERE customer_id = %(customer)s AND status = 'delivered' "
        "ORDER BY placed_at DESC LIMIT 10",
        50,
    ),
    "oldest_pending": (
        "SELECT id, customer_id, placed_at FROM orders WHERE status = 'pending' ORDER BY placed_at LIMIT 50",
        70,
    ),
    "overdue": ("SELECT count(*) FROM orders WHERE status = 'pending' AND placed_at < %(overdue)s", 20),
    "day": (
        "SELECT id, customer_id, total FROM orders WHERE placed_at >= %(day)s AND placed_at < %(next)s",
        60,
    ),
    "revenue": (
        "SELECT sum(total) FROM orders WHERE placed_at >= %(day)s AND placed_at < %(next)s AND status <> 'cancelled'",
        60,
    ),
    "by_id": ("SELECT * FROM orders WHERE id = %(id)s", 5),
}
MOST = 3
MORE_WAL = 1.15
# What writers can be asked to bear: three plain indexes of at most two columns.
REFERENCE = ("(customer_id, placed_at)", "(status, placed_at)", "(placed_at)")
_INSERT = """
INSERT INTO orders (id, customer_id, status, placed_at, currency, total, shipping_country, shipping_city, shipping_postcode)
SELECT 1000000 + %s, %s, 'pending', timestamptz '2026-01-01' + %s * interval '40 seconds',
       currency, total, shipping_country, shipping_city, shipping_postcode
  FROM orders WHERE id = %s"""
_STREAM = 300


@dataclass(frozen=True)
class History:
    applied: ddl.Applied
    plans: Mapping[str, tuple[Plan, ...]] = field(default_factory=dict)
    writes: WalWork | None = None
    reference: WalWork | None = None


@lab.exercise(
    "index_budget",
    kind="sql",
    points=5,
    read="02-indexing: What an index costs a writer",
    coverage=lambda h: f"{len(h.plans)} queries, {_STREAM} inserts" if h.plans else "",
    hints=(
        "Sort the queries by the columns they compare with =, compare by range and order by. Which share a beginning?",
        "An index on (a, b) serves a alone and a with b. A filter on few rows already found needs no index of its own, and "
        "few rows of many may have an index to themselves.",
        "One index for the customers' questions, one for the warehouse's, one for those about time; and see what is there.",
    ),
)
def index_budget(answer: Answer, bench: Bench) -> History:
    database = bench.database("shop_medium")
    random = bench.random("queries")
    stream = [
        (_INSERT, [n, random.randrange(1, 10_000), n, random.randrange(1, 100_000)])
        for n in range(1, _STREAM + 1)
    ]
    aside = bench.database("shop_medium")
    reference, applied = together(lambda: _reference(aside, stream), lambda: ddl.apply(answer, database))
    if not applied.clean or applied.dropped:
        return History(applied)
    # What autovacuum does sooner or later. Of the rows nothing changed; only expressions have no statistics yet.
    analyze = any(index.expressions for index in applied.added)
    database.execute("VACUUM (ANALYZE) orders" if analyze else "VACUUM orders")
    customers = customers_with(database, 150, 600)
    plans: dict[str, list[Plan]] = {name: [] for name in QUERIES}
    for customer in random.sample(customers, 2):
        day = date(2023, 1, 1) + timedelta(random.randrange(700))
        _ask(database, plans, customer, day, random.randrange(1, 100_000))
    writes = wal_per_write(database.connection("learner"), stream)
    return History(applied, {name: tuple(found) for name, found in plans.items()}, writes, reference)


def _ask(database: Database, plans: dict[str, list[Plan]], customer: int, day: date, number: int) -> None:
    values: dict[str, Any] = {
        "customer": customer,
        "since": date(2025, 10, 1),
        "overdue": date(2023, 1, 1),
        "day": day,
        "next": day + timedelta(1),
        "id": number,
    }
    connection = database.connection("learner")
    for name, (query, _) in QUERIES.items():
        explain(connection, query, values)
        plans[name].append(explain(connection, query, values))


def _reference(database: Database, stream: list[tuple[str, list[int]]]) -> WalWork:
    for columns in REFERENCE:
        database.execute(f"CREATE INDEX ON orders {columns}")
    return wal_per_write(database.connection("learner"), stream)


def _within(history: History, names: tuple[str, ...]) -> Ruling:
    for name in names:
        limit = QUERIES[name][1]
        plan = max(history.plans[name], key=lambda p: p.pages)
        if plan.pages > limit:
            return fail(
                f"at most {limit} pages for “{name}”",
                f"{plan.pages:,} pages, most of them by {plan.bottleneck().label}",
                "" if history.applied.added else "Nothing was created that a query could use.",
                [exhibit(f"“{name}” as the server runs it", plan)],
            )
    return True


@index_budget.property(weight=0)
def applies(history: History) -> Ruling:
    """The statements run and leave tables, rows and settings as they were."""
    return ddl.applies(history.applied)


@index_budget.property(
    needs=["applies"],
    misconception="An index on the customer alone hands out all of a customer's orders to keep a few: the time belongs "
    "behind it.",
)
def customers(history: History) -> Ruling:
    """The customers' queries (newest, since, delivered) stay within their pages."""
    return _within(history, ("newest", "since", "delivered"))


@index_budget.property(
    needs=["applies"],
    misconception="Pending orders are few and spread over all times: they are found in order only by an index that has them "
    "together.",
)
def warehouse(history: History) -> Ruling:
    """The warehouse's queries (oldest_pending, overdue) stay within their pages."""
    return _within(history, ("oldest_pending", "overdue"))


@index_budget.property(
    needs=["applies"],
    misconception="A time that stands behind another column in every index, or is summarised too coarsely, is of no use to "
    "a query about time alone.",
)
def bookkeeping(history: History) -> Ruling:
    """The bookkeepers' queries (day, revenue, by_id) stay within their pages."""
    return _within(history, ("day", "revenue", "by_id"))


@index_budget.property(
    needs=["customers", "warehouse", "bookkeeping"],
    misconception="An index for each query is not a plan: one that begins with what another needs serves both.",
)
def at_most_three(history: History) -> Ruling:
    """At most three indexes are added."""
    added = history.applied.added
    if len(added) <= MOST:
        return True
    pairs = [f"{narrow.name} is covered by {wide.name}" for narrow, wide in redundant(added)]
    return fail(
        "at most 3 new indexes", f"{len(added)}: {'; '.join(pairs) or ', '.join(i.name for i in added)}"
    )


@index_budget.property(
    needs=["customers", "warehouse", "bookkeeping"],
    misconception="Every index is written by every insert, and every column it carries makes each of these writes longer.",
)
def writes(history: History) -> Ruling:
    """An insert writes hardly more WAL than with three plain indexes of at most two columns."""
    assert history.writes and history.reference
    bytes_, most = history.writes.bytes_each, MORE_WAL * history.reference.bytes_each
    records, records_most = history.writes.records_each, history.reference.records_each + 0.5
    if bytes_ <= most and records <= records_most:
        return True
    rows = [
        [
            "three plain indexes",
            round(history.reference.records_each, 1),
            round(history.reference.bytes_each),
        ],
        ["this answer", round(records, 1), round(bytes_)],
    ]
    return fail(
        f"at most {most:.0f} bytes and {records_most:.1f} records of WAL for one insert",
        f"{bytes_:.0f} bytes and {records:.1f} records",
        evidence=[
            Evidence("table", "WAL of one insert", {"columns": ["with", "records", "bytes"], "rows": rows})
        ],
    )
