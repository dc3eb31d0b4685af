"""`customer_orders`: one index that hands out the newest orders of a customer in order."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.indexing import ddl
from grader.checks.indexing.queries import Scale, customers_with, exhibit, measure, reference_size
from grader.checks.indexing.unit import lab
from grader.checks.running import Answer, Bench, Database
from grader.checks.together import together
from grader.instruments.indexes import redundant
from grader.instruments.work import Growth, growth

QUERY = """
SELECT id, placed_at, status, total
  FROM orders
 WHERE customer_id = %s
 ORDER BY placed_at DESC
 LIMIT 20"""
SORTED = 60  # rows: for a customer with a handful of orders the planner rightly reads them all and sorts
LIMIT = 60  # pages: twenty rows on twenty pages, the way down the tree, and as much again


@dataclass(frozen=True)
class History:
    applied: ddl.Applied
    small: Scale | None = None
    large: Scale | None = None
    reference_bytes: int = 0  # the size of a plain index on (customer_id, placed_at) at the larger scale


@lab.exercise(
    "customer_orders",
    kind="sql",
    points=3,
    read="02-indexing: Composite order",
    coverage=lambda h: "2 sizes of the data, 4 customers each" if h.large else "",
    hints=(
        "Run the query with explain(...): which node reads many rows only to throw them away, and which one orders them?",
        "A B-tree keeps its entries sorted by its first column, and within equal values by the next one.",
        "One index can serve the WHERE and the ORDER BY: put what is compared with = first, what is sorted by after it.",
    ),
)
def customer_orders(answer: Answer, bench: Bench) -> History:
    small, large = bench.database("shop_small"), bench.database("shop_medium")
    applied = ddl.apply(answer, small)
    if not applied.clean:
        return History(applied)
    random = bench.random("customers")
    measured, on_large = together(lambda: _measure(small, random), lambda: ddl.apply(answer, large))
    if not on_large.clean:
        return History(on_large)
    reference = reference_size(large, "ON orders (customer_id, placed_at)")
    return History(on_large, measured, _measure(large, random), reference)


def _measure(database: Database, random: Random) -> Scale:
    ((busiest, _),) = database.query(
        "SELECT customer_id, pg_catalog.count(*) FROM public.orders GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    )
    # Few: all of them are read, a page each, and these pages alone must not look like growth.
    many, few = (random.choice(customers_with(database, *span)) for span in ((150, 600), (1, 20)))
    nobody = -1
    return measure(database, QUERY, [[customer] for customer in (busiest, many, few, nobody)])


@customer_orders.property(weight=0)  # doing no harm earns nothing by itself
def applies(history: History) -> Ruling:
    """The statements run and leave tables, rows and settings as they were."""
    return ddl.applies(history.applied)


@customer_orders.property(
    needs=["applies"],
    misconception="An index on customer_id alone finds the orders but hands them out unordered, so all of them are "
    "read and sorted to keep twenty.",
)
def no_sort(history: History) -> Ruling:
    """The newest orders come out of the index already in order: no Sort for a customer with many orders."""
    assert history.large
    for plan in history.large.plans:
        for sort in (*plan.find("Sort"), *plan.find("Incremental Sort")):
            rows = sum(child.actual_rows for child in sort.children)
            if rows > SORTED:
                return fail(
                    "a plan without a Sort",
                    f"a {sort.node_type} of {rows:,} rows at {history.large.orders:,} orders",
                    _why(history),
                    evidence=[exhibit("The query as the server runs it", plan)],
                )
    return True


def _why(history: History) -> str:
    if any(index.key[:2] == ("customer_id", "placed_at") for index in history.applied.added):
        return (
            "DESC without more means NULLS FIRST: an index that has them last is in another order, "
            "even where no value is NULL."
        )
    return ""


@customer_orders.property(
    needs=["applies"],
    misconception="The order is served, but the customer is not: entries of everybody else are read and thrown away.",
)
def pages_bounded(history: History) -> Ruling:
    """The pages read stay the same when there are ten times as many orders."""
    assert history.small and history.large
    small, large = history.small.worst.pages, history.large.worst.pages
    if history.large.orders < 5 * history.small.orders:
        return unknown("the data did not grow")
    grown = growth(small, large, history.large.orders / history.small.orders)
    if large <= LIMIT and (grown.within(Growth.LOGARITHMIC) or large <= 30):
        return True
    return fail(
        f"at most {LIMIT} pages, however many orders there are",
        f"{small} pages at {history.small.orders:,} orders, {large} at {history.large.orders:,}: {grown} growth",
        evidence=[exhibit("The worst customer, at the larger size", history.large.worst)],
    )


@customer_orders.property(
    needs=["pages_bounded"],
    misconception="Every index is paid for by every write: one that serves the query is enough.",
)
def one_index(history: History) -> Ruling:
    """One index does it: nothing else is added for writers to keep up."""
    added = history.applied.added
    if len(added) == 1:
        return True
    pairs = [f"{narrow.name} is covered by {wide.name}" for narrow, wide in redundant(added)]
    return fail(
        "exactly one new index",
        f"{len(added)} new indexes: {', '.join(i.definition for i in added)}. {'; '.join(pairs)}".strip()
        if added
        else "no new index",
        "" if added else "Nothing was created that a query could use.",
    )


@customer_orders.property(
    needs=["one_index"],
    misconception="Columns the search does not need make every entry wider, for every insert and every cache.",
)
def lean(history: History) -> Ruling:
    """The index holds what the search and the order need and little more."""
    size = sum(i.bytes for i in history.applied.added)
    if size <= 1.6 * history.reference_bytes:
        return True
    return fail(
        f"at most 1.6 times a two-column index ({history.reference_bytes // 1024:,} kB)",
        f"{size // 1024:,} kB: {history.applied.added[0].definition}",
    )
