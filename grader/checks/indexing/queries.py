"""Runs the exercises' queries at two sizes of the data and keeps the plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grader.checks.running import Database
from grader.instruments.indexes import Index
from grader.instruments.plans import Plan, explain
from grader.verdict import Evidence

_references: dict[tuple[str, str], int] = {}  # template, definition -> bytes


@dataclass(frozen=True)
class Scale:
    """One query at one size of the data, once for each set of parameters; the worst of them counts."""

    orders: int
    plans: tuple[Plan, ...]

    @property
    def worst(self) -> Plan:
        return max(self.plans, key=lambda plan: plan.pages)


def measure(database: Database, query: str, parameters: Sequence[Sequence[Any]]) -> Scale:
    """The plans of warmed executions, one a set of parameters, as the learner's role sees them."""
    ((orders,),) = database.query("SELECT pg_catalog.count(*) FROM public.orders")
    connection = database.connection("learner")
    for one in parameters:
        explain(connection, query, one)  # the first execution also fills caches and sets hint bits
    return Scale(orders, tuple(explain(connection, query, one) for one in parameters))


def customers_with(database: Database, least: int, most: int) -> list[int]:
    """Customers with that many orders, in order of their number.

    Of 40 to 150 orders neither plan is wrong (all of them read and sorted, or the newest read in order), and the sample
    of an ANALYZE decides: ask about those with fewer or more.
    """
    found = database.query(
        "SELECT customer_id FROM public.orders GROUP BY 1 HAVING pg_catalog.count(*) BETWEEN %s AND %s ORDER BY 1",
        least,
        most,
    )
    return [int(customer) for (customer,) in found]


def size_of(database: Database, definition: str) -> int:
    """Bytes of an index the judge builds to compare with. definition: all of CREATE INDEX after its name."""
    database.execute(f"CREATE INDEX the_reference {definition}")
    ((size,),) = database.query("SELECT pg_catalog.pg_relation_size('public.the_reference')")
    database.execute("DROP INDEX the_reference")
    return int(size)


def reference_size(database: Database, definition: str) -> int:
    """`size_of` for an index of the judge's own: the same in every clone of a template, so it is built once a process.

    Only for a database whose rows are the template's, and a definition that holds nothing of the answer.
    """
    known = (database.template, definition)
    if known not in _references:
        _references[known] = size_of(database, definition)
    return _references[known]


def size_over_all_rows(database: Database, index: Index) -> int:
    """Bytes of the same index without its predicate."""
    _, _, definition = index.definition.partition(f"{index.name} ON ")
    return size_of(
        database, "ON " + definition.rpartition(" WHERE ")[0] if index.partial else "ON " + definition
    )


def exhibit(title: str, plan: Plan) -> Evidence:
    return Evidence("plan", title, plan.raw)
