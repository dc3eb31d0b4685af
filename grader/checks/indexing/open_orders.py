"""`open_orders`: an index over the few orders still pending, and over nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from grader.checks.exercise import Ruling, fail
from grader.checks.indexing import ddl
from grader.checks.indexing.queries import Scale, exhibit, measure, reference_size, size_over_all_rows
from grader.checks.indexing.unit import lab
from grader.checks.running import Answer, Bench, Database
from grader.checks.together import together
from grader.instruments.indexes import Index
from grader.instruments.plans import Plan

PENDING = """
SELECT id, customer_id, placed_at, total
  FROM orders
 WHERE status = 'pending'
 ORDER BY placed_at"""
# The same question about the many: an index over pending orders can say nothing about it.
SHIPPED = PENDING.replace("'pending'", "'shipped'")
SHARE = 0.05  # of the size of the same index over all orders


@dataclass(frozen=True)
class History:
    applied: ddl.Applied
    small: Scale | None = None
    large: Scale | None = None
    others: Plan | None = None
    full_bytes: int = 0


@lab.exercise(
    "open_orders",
    kind="sql",
    points=3,
    read="02-indexing: Partial indexes",
    coverage=lambda h: "2 sizes of the data, pending and shipped orders" if h.large else "",
    hints=(
        "Two orders in a hundred are pending. How much of an index over all of them would this query ever visit?",
        "CREATE INDEX takes a WHERE: only rows that satisfy it get an entry, and only queries that imply it can use it.",
        "The predicate names the few rows; the key then only says in which order their entries lie.",
    ),
)
def open_orders(answer: Answer, bench: Bench) -> History:
    small, large = bench.database("shop_small"), bench.database("shop_medium")
    applied = ddl.apply(answer, small)
    if not applied.clean:
        return History(applied)
    at_small, applied = together(lambda: measure(small, PENDING, [[]]), lambda: ddl.apply(answer, large))
    if not applied.clean:
        return History(applied)
    return History(
        applied,
        at_small,
        measure(large, PENDING, [[]]),
        measure(large, SHIPPED, [[]]).worst,
        _full_size(large, applied.added),
    )


def _full_size(database: Database, added: tuple[Index, ...]) -> int:
    """Bytes of the same indexes over all orders, where equal keys may share an entry, and at least of one over times."""
    by_time = reference_size(database, "ON orders (placed_at)")
    return sum(max(by_time, size_over_all_rows(database, index)) for index in added)


def _used(history: History, plan: Plan) -> list[str]:
    return [i.name for i in history.applied.added if plan.uses_index(i.name)]


@open_orders.property(weight=0)
def applies(history: History) -> Ruling:
    """The statements run and leave tables, rows and settings as they were."""
    return ddl.applies(history.applied)


@open_orders.property(
    needs=["applies"],
    misconception="A query uses a partial index only if its own WHERE implies the index's predicate, word for word or nearly.",
)
def used(history: History) -> Ruling:
    """The query as written finds its orders through the new index, at both sizes."""
    assert history.small and history.large
    for scale in (history.small, history.large):
        if not _used(history, scale.worst):
            return fail(
                "a scan of the new index",
                f"{' and '.join(n.node_type for n in scale.worst.walk() if n.relation)} at {scale.orders:,} orders",
                "" if history.applied.added else "Nothing was created that a query could use.",
                [exhibit("The query as the server runs it", scale.worst)],
            )
    return True


@open_orders.property(
    needs=["used"],
    misconception="An index over every order carries 98 entries nobody asks for beside every two that are wanted.",
)
def small_index(history: History) -> Ruling:
    """The index is a fraction of one over all orders: under 5 % of its size."""
    size = sum(i.bytes for i in history.applied.added)
    if size < SHARE * history.full_bytes:
        return True
    return fail(
        f"under {SHARE * history.full_bytes / 1024:.0f} kB, 5 % of the {history.full_bytes // 1024:,} kB of a full index",
        f"{size // 1024:,} kB: {'; '.join(i.definition for i in history.applied.added)}",
    )


@open_orders.property(
    needs=["used"],
    misconception="Other statuses are asked for by other queries: this index is to cost their writers nothing.",
)
def pending_only(history: History) -> Ruling:
    """Orders of other statuses have no entry: a query about them cannot use the index."""
    assert history.others
    if not (names := _used(history, history.others)):
        return True
    return fail(
        "the query about shipped orders does without the new index",
        f"it uses {', '.join(names)}",
        evidence=[exhibit("The query about shipped orders", history.others)],
    )


@open_orders.property(
    needs=["used"], misconception="One index does it: every further one is paid for by every write."
)
def one_index(history: History) -> Ruling:
    """Exactly one index is added."""
    added = history.applied.added
    return len(added) == 1 or fail("one new index", f"{len(added)}: {'; '.join(i.definition for i in added)}")
