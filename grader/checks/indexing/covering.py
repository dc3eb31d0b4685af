"""`covering`: a hot read answered from the index alone."""

from __future__ import annotations

from dataclasses import dataclass

from grader.checks.exercise import Ruling, fail
from grader.checks.indexing import ddl
from grader.checks.indexing.queries import Scale, exhibit, measure, reference_size
from grader.checks.indexing.unit import lab
from grader.checks.running import Answer, Bench, Database
from grader.checks.together import together

QUERY = """
SELECT placed_at, total
  FROM orders
 WHERE customer_id = %s
   AND placed_at >= %s
 ORDER BY placed_at"""
EARLY, LATE = "2022-01-01", "2025-12-01"
WIDER = 1.15  # times the size of the judge's own: room for another fillfactor, not for another column
REFERENCE = "ON orders (customer_id, placed_at) INCLUDE (total)"


@dataclass(frozen=True)
class History:
    applied: ddl.Applied
    small: Scale | None = None
    large: Scale | None = None
    reference_bytes: int = 0


@lab.exercise(
    "covering",
    kind="sql",
    points=4,
    read="02-indexing: Covering and the visibility map",
    coverage=lambda h: "2 sizes of the data, 3 customers, 2 dates each" if h.large else "",
    hints=(
        "The plan visits the table for every order found. What does it fetch there that the index does not hold?",
        "An Index Only Scan needs every column of the query in the index, and pages known to be visible to all.",
        "Columns that are only handed out need no place in the key: CREATE INDEX has a clause for passengers.",
    ),
)
def covering(answer: Answer, bench: Bench) -> History:
    small, large = bench.database("shop_small"), bench.database("shop_medium")
    applied = ddl.apply(answer, small)
    if not applied.clean or applied.dropped:
        return History(applied)
    chosen = bench.random("customers").randrange(50, 900)
    at_small, applied = together(lambda: _measure(small, chosen), lambda: ddl.apply(answer, large))
    if not applied.clean:
        return History(applied)
    return History(applied, at_small, _measure(large, chosen), reference_size(large, REFERENCE))


def _measure(database: Database, chosen: int) -> Scale:
    database.execute("VACUUM orders")  # what autovacuum does sooner or later; the judge's cluster has none
    ((busiest, _),) = database.query(
        "SELECT customer_id, pg_catalog.count(*) FROM public.orders GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    )
    return measure(database, QUERY, [[c, since] for c in (busiest, chosen, -1) for since in (EARLY, LATE)])


@covering.property(weight=0)
def applies(history: History) -> Ruling:
    """The statements run and leave tables, rows and settings as they were."""
    return ddl.applies(history.applied)


@covering.property(
    needs=["applies"],
    misconception="One column missing from the index is enough to send every row to the table.",
)
def index_only(history: History) -> Ruling:
    """The query is answered by an Index Only Scan without a single visit to the table."""
    assert history.small and history.large
    for scale in (history.small, history.large):
        for plan in scale.plans:
            scans = [n for n in plan.walk() if n.relation or n.index]
            bad = [n for n in scans if n.node_type != "Index Only Scan" or n.heap_fetches]
            if bad:
                fetched = f" with {bad[0].heap_fetches} heap fetches" if bad[0].heap_fetches else ""
                return fail(
                    "an Index Only Scan, 0 heap fetches",
                    f"{bad[0].label}{fetched} at {scale.orders:,} orders",
                    _why(history),
                    [exhibit("The query as the server runs it", plan)],
                )
    return True


def _why(history: History) -> str:
    if not history.applied.added:
        return "Nothing was created that a query could use."
    if any({"customer_id", "placed_at", "total"} <= {*i.key, *i.include} for i in history.applied.added):
        return "The index holds all columns, but what it is sorted by first does not lead to one customer's entries."
    return ""


@covering.property(
    needs=["index_only"],
    misconception="A column that is searched or sorted by must be in the key, in the right place: as a passenger it can "
    "only be filtered, entry by entry.",
)
def only_what_is_asked(history: History) -> Ruling:
    """Only the entries asked for are read, and they come out in order."""
    assert history.small and history.large
    for scale in (history.small, history.large):
        for plan in scale.plans:
            limit = 6 + plan.root.actual_rows // 60
            sorts = [n for n in (*plan.find("Sort"), *plan.find("Incremental Sort")) if n.actual_rows > 60]
            if plan.pages > limit or sorts:
                what = f"and a {sorts[0].node_type} of {sorts[0].actual_rows} rows" if sorts else ""
                return fail(
                    f"{plan.root.actual_rows} orders in order from at most {limit} pages",
                    f"{plan.pages} pages {what} at {scale.orders:,} orders".replace("  ", " "),
                    evidence=[exhibit("The query as the server runs it", plan)],
                )
    return True


@covering.property(
    needs=["only_what_is_asked"],
    misconception="Key columns are compared on every way down and kept in inner pages; what is only handed out belongs "
    "in INCLUDE, and what is not asked for belongs nowhere.",
)
def lean(history: History) -> Ruling:
    """The key holds what is searched and sorted by, the index what is asked for, and neither more."""
    for index in history.applied.added:
        if len(index.key) > 2:
            return fail("a key of the two columns searched and sorted by", f"a key of {', '.join(index.key)}")
    size = sum(i.bytes for i in history.applied.added)
    if size <= WIDER * history.reference_bytes or len(history.applied.added) > 1:
        return True
    return fail(
        f"about {history.reference_bytes // 1024:,} kB, with the columns of the query and no others",
        f"{size // 1024:,} kB: {history.applied.added[0].definition}",
    )


@covering.property(
    needs=["only_what_is_asked"],
    misconception="One index does it: every further one is paid for by every write.",
)
def one_index(history: History) -> Ruling:
    """Exactly one index is added."""
    added = history.applied.added
    return len(added) == 1 or fail("one new index", f"{len(added)}: {'; '.join(i.definition for i in added)}")
