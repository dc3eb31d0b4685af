"""`stale_statistics`: the planner learns that a postcode lies in one city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.indexing import ddl
from grader.checks.indexing.queries import exhibit
from grader.checks.indexing.unit import lab
from grader.checks.running import Answer, Bench, Database
from grader.checks.together import together
from grader.instruments.plans import Plan, explain

QUERY = """
SELECT id, customer_id, total
  FROM orders
 WHERE shipping_city = %s
   AND shipping_postcode = %s"""
WITHIN = 3.0
_PLACES = """
SELECT shipping_city, shipping_postcode
  FROM (SELECT shipping_city, shipping_postcode, pg_catalog.count(*) AS here,
               pg_catalog.sum(pg_catalog.count(*)) OVER (PARTITION BY shipping_city) AS city
          FROM public.orders GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 50) AS places
 WHERE city OPERATOR(pg_catalog.<) (SELECT pg_catalog.count(*) / 8 FROM public.orders)
 ORDER BY here DESC, 1, 2
"""


@dataclass(frozen=True)
class Estimates:
    """The same places before and after the answer, at one size."""

    orders: int
    before: tuple[Plan, ...]
    after: tuple[Plan, ...] = ()
    places: tuple[tuple[Any, ...], ...] = ()


@dataclass(frozen=True)
class History:
    applied: ddl.Applied
    scales: tuple[Estimates, ...] = ()


@lab.exercise(
    "stale_statistics",
    kind="sql",
    points=3,
    read="02-indexing: Statistics",
    coverage=lambda h: "2 sizes of the data, 4 places each" if h.scales else "",
    hints=(
        "The planner multiplies the share of the city by the share of the postcode. When is that right?",
        "Statistics are kept column by column, unless one asks for statistics over several columns together.",
        "Two statements: one that says which columns belong together, and one that goes and counts.",
    ),
)
def stale_statistics(answer: Answer, bench: Bench) -> History:
    small, large = bench.database("shop_small"), bench.database("shop_medium")
    at_small, at_large = together(
        lambda: _before(small, bench.random("shop_small")),
        lambda: _before(large, bench.random("shop_medium")),
    )
    applied = ddl.apply(answer, small)
    if not applied.clean or applied.dropped:
        return History(applied)
    estimates, applied = together(lambda: _after(small, at_small), lambda: ddl.apply(answer, large))
    if not applied.clean:
        return History(applied)
    return History(applied, (estimates, _after(large, at_large)))


def _before(database: Database, random: Random) -> Estimates:
    places = database.query(_PLACES)
    chosen = (places[0], *random.sample(places[1:], 3))
    ((orders,),) = database.query("SELECT pg_catalog.count(*) FROM public.orders")
    return Estimates(orders, _plans(database, chosen), places=chosen)


def _after(database: Database, before: Estimates) -> Estimates:
    return replace(before, after=_plans(database, before.places))


def _plans(database: Database, places: Sequence[tuple[Any, ...]]) -> tuple[Plan, ...]:
    connection = database.connection("learner")
    return tuple(explain(connection, QUERY, place) for place in places)


def _worst(plans: tuple[Plan, ...]) -> Plan:
    return max(plans, key=lambda plan: plan.worst_misestimate().misestimate)


@stale_statistics.property(weight=0)
def applies(history: History) -> Ruling:
    """The statements run and leave tables, rows and settings as they were."""
    return ddl.applies(history.applied)


@stale_statistics.property(
    needs=["applies"],
    misconception="City and postcode are not independent: only statistics over both, counted by an ANALYZE after they "
    "were asked for, can tell the planner so.",
)
def estimates_right(history: History) -> Ruling:
    """The planner's estimate is within a factor of 3 of the truth, at both sizes of the data."""
    for scale in history.scales:
        if _worst(scale.before).worst_misestimate().misestimate <= WITHIN:
            return unknown("the estimates were right before the answer")
        node = _worst(scale.after).worst_misestimate()
        if node.misestimate > WITHIN:
            return fail(
                f"within a factor of {WITHIN:.0f} for every place",
                f"{node.plan_rows:,.0f} rows expected, {node.actual_rows:,} found: a factor of {node.misestimate:.0f} "
                f"at {scale.orders:,} orders",
                evidence=[exhibit("The worst place", _worst(scale.after))],
            )
    return True


@stale_statistics.property(
    needs=["estimates_right"],
    misconception="The planner was misinformed, not badly equipped: an index costs every write and tells it nothing.",
)
def no_index(history: History) -> Ruling:
    """No index is added: knowing better is enough."""
    added = history.applied.added
    return not added or fail("no new index", "; ".join(i.definition for i in added))
