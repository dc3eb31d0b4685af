"""Plans of a live server, as trees.

plan = explain(connection, "SELECT ... WHERE customer_id = %s", [42])
plan.uses_index("orders_customer")            # a scan of it is in the tree
plan.find("Sort")                             # by node type, relation, index: never by a substring of text
plan.pages, plan.bottleneck().label, plan.worst_misestimate().misestimate
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql as compose
from psycopg.rows import tuple_row

from grader.show.plan_tree import Node, Plan, Trigger

__all__ = ["Node", "Plan", "Trigger", "explain"]

Params = Sequence[Any] | Mapping[str, Any] | None


def explain(
    connection: psycopg.Connection[Any],
    sql: str,
    params: Params = None,
    *,
    analyze: bool = True,
    buffers: bool = True,
    wal: bool = False,
    timing: bool = False,
) -> Plan:
    """The plan of one statement, run (unless analyze=False) in a transaction that is rolled back.

    sql: one statement; two in one string are refused by the extended protocol this uses, so a learner's
    text cannot end the transaction and keep its effects. params: as for `Connection.execute`.
    Per-node timing is off unless asked for: checks judge work, and reading the clock twice a row slows a plan down.
    Raises psycopg.Error as the statement does.
    """
    options = {"ANALYZE": analyze, "BUFFERS": buffers, "WAL": wal and analyze, "TIMING": timing and analyze}
    chosen = [name if on else f"{name} off" for name, on in options.items() if analyze or on]
    command = f"EXPLAIN ({', '.join([*chosen, 'SETTINGS', 'FORMAT JSON'])}) "
    # A literal text needs no doubling of "%" when there are no parameters.
    with (
        connection.transaction(force_rollback=True),
        connection.cursor(binary=True, row_factory=tuple_row) as cursor,
    ):
        cursor.execute(compose.SQL(command + sql) if params is None else command + sql, params)
        row = cursor.fetchone()
    if row is None:
        raise ValueError("The server explained nothing: give one statement that has a plan.")
    return Plan.from_explain(row[0])
