"""Judging of lab 02 where it reads what a learner wrote, from hand-written histories."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from grader.checks.indexing import index_budget, read_the_plan, row_or_column, sargable, stale_statistics
from grader.checks.indexing.ddl import Applied
from grader.instruments.plans import Plan
from grader.instruments.work import WalWork
from grader.verdict import Outcome

PLANS = Path(__file__).parent.parent / "plans"


def plan(name: str) -> Plan:
    return Plan.from_explain(json.loads((PLANS / f"{name}.json").read_text()))


def outcomes(exercise, history) -> dict[str, Outcome]:
    return {f.property: f.outcome for f in exercise.judge(history)}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (9995, 9995),
        ("9,995", 9995),
        ("10_035 rows", 10035),
        (Decimal("1.2"), 1.2),
        ("~11x", 11),
        (True, None),
        ("many", None),
        (None, None),
    ],
)
def test_numbers_are_read_as_they_are_written(said, meant):
    assert read_the_plan.number(said) == meant


def test_a_node_is_named_by_its_table_and_its_kind_if_any():
    found = plan("sort_above_scan")
    node = found.bottleneck()
    assert read_the_plan.names_node(node.label, found)
    assert read_the_plan.names_node((node.node_type, node.relation), found)
    assert not read_the_plan.names_node("Sort", found)
    assert not read_the_plan.names_node(f"Index Scan on {node.relation}", found)
    assert not read_the_plan.names_node("Seq Scan on somewhere_else", found)


def test_flat_and_nested_observations_are_the_same():
    nested = read_the_plan._nested({"gifts": {"pages": 7}})
    assert nested["gifts"] == {"pages": 7}
    assert (
        nested == read_the_plan._nested({"gifts_pages": 7}) == read_the_plan._nested({("gifts", "pages"): 7})
    )


def test_parameters_become_literals_and_percent_signs_stay():
    bound = sargable.bind("SELECT %(p)s, '10%', '5%%', %(p)s", "p", "O'Neil").as_string()
    assert bound == "SELECT 'O''Neil', '10%', '5%', 'O''Neil'"
    assert sargable.bind("x = %(d)s", "d", date(2024, 3, 31)).as_string() == "x = '2024-03-31'::date"


@pytest.mark.parametrize("said", ["Postgres", "postgresql", "row store"])
def test_an_engine_may_go_by_several_names(said):
    assert row_or_column._engine(said) == "postgres"


def test_three_of_four_choices_do_not_pass_and_do_not_tell_which():
    measured = {
        "one_order": (1, 9),
        "revenue_by_month": (9, 1),
        "mark_shipped": (1, 9),
        "units_by_product": (9, 1),
    }
    choices = dict.fromkeys(measured, "postgres") | {"revenue_by_month": "duckdb"}
    rows = (("FR", 1, Decimal("1.00")),)
    history = row_or_column.History("", rows, rows, 100, 100, choices, measured)
    findings = {f.property: f for f in row_or_column.row_or_column.judge(history)}
    assert findings["same_answer"].outcome is findings["bytes_read"].outcome is Outcome.PASS
    assert findings["choices_win"].outcome is Outcome.FAIL
    assert "units_by_product" not in findings["choices_win"].happened


def test_estimates_that_were_right_before_earn_nothing():
    right, wrong = plan("newest_by_index"), plan("correlated_columns")
    found = outcomes(
        stale_statistics.stale_statistics,
        stale_statistics.History(Applied(()), (stale_statistics.Estimates(1, (right,), (right,)),)),
    )
    assert found["estimates_right"] is Outcome.UNKNOWN
    found = outcomes(
        stale_statistics.stale_statistics,
        stale_statistics.History(Applied(()), (stale_statistics.Estimates(1, (wrong,), (wrong,)),)),
    )
    assert found["estimates_right"] is Outcome.FAIL


def test_no_index_earns_nothing_in_the_budget():
    scan = plan("sort_above_scan")
    wal = WalWork(10, 30, 2400, 0)
    history = index_budget.History(Applied(()), {name: (scan,) for name in index_budget.QUERIES}, wal, wal)
    findings = index_budget.index_budget.judge(history)
    assert scan.pages > 70
    assert sum(f.weight for f in findings if f.outcome is Outcome.PASS) == 0
