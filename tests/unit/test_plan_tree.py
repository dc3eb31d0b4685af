"""Plans read from EXPLAIN's JSON, as a PostgreSQL 18 server printed it (tests/unit/plans)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.show import plan_svg, plan_text
from grader.show.plan_tree import Plan

PLANS = sorted((Path(__file__).parent / "plans").glob("*.json"))


def plan(name: str) -> Plan:
    return Plan.from_explain((Path(__file__).parent / "plans" / f"{name}.json").read_text())


def test_a_sort_is_found_by_its_type_and_the_scan_below_it_is_the_bottleneck():
    tree = plan("sort_above_scan")
    assert [n.node_type for n in tree.walk()] == ["Limit", "Sort", "Seq Scan"]
    scan = tree.bottleneck()
    assert (scan.relation, scan.rows_removed, scan.rows_read) == ("orders", 19990, 20000)
    assert scan.own_pages == tree.pages == 148
    assert tree.share(scan) == 1.0
    assert tree.has("Sort") and not tree.has("sort") and not tree.has("Index Scan")


def test_an_index_is_used_only_if_a_scan_of_it_ran():
    assert plan("newest_by_index").uses_index("oc")
    assert not plan("newest_by_index").uses_index("o")
    never = plan("never_executed")
    assert never.indexes() == ("oc",)
    assert not never.uses_index("oc")
    assert never.find(executed=False)
    assert plan("estimated_only").uses_index("orders_pkey")


def test_a_limit_makes_no_misestimate_of_what_it_stops():
    tree = plan("limit_stops_early")
    assert tree.find("Seq Scan")[0].stopped_early
    assert tree.worst_misestimate().misestimate == 1.0


def test_what_a_sort_reads_is_read_whole_even_below_a_limit():
    assert not plan("sort_above_scan").find("Seq Scan")[0].stopped_early


def test_correlated_columns_are_the_worst_estimate_and_a_cte_is_charged_once():
    tree = plan("correlated_columns")
    worst = tree.worst_misestimate()
    assert (worst.node_type, round(worst.misestimate)) == ("Hash Join", 200)
    assert sum(n.own_pages for n in tree.walk()) == tree.pages == 168
    assert tree.bottleneck().subplan == "CTE pending"
    assert tree.find("CTE Scan")[0].own_pages == 0


def test_of_equal_misestimates_the_one_nearest_the_leaves_is_named():
    leaf = {
        "Node Type": "Seq Scan",
        "Relation Name": "t",
        "Plan Rows": 1,
        "Actual Rows": 50,
        "Actual Loops": 1,
    }
    top = {"Node Type": "Sort", "Plan Rows": 1, "Actual Rows": 50, "Actual Loops": 1, "Plans": [leaf]}
    assert Plan.from_explain(top).worst_misestimate().relation == "t"


def test_counts_are_totals_over_all_loops():
    tree = plan("nested_loop")
    inner = tree.find("Bitmap Index Scan")[0]
    assert (inner.loops, inner.actual_rows, inner.plan_rows) == (39, 390, 390)


def test_estimates_below_a_gather_are_those_of_all_workers():
    scan = plan("parallel").find("Seq Scan", relation="order_items")[0]
    assert scan.parallel and scan.loops == 3
    assert scan.actual_rows == 19960
    assert 19800 < scan.plan_rows < 19950


def test_triggers_of_foreign_keys_are_listed():
    (trigger,) = plan("fk_delete").triggers
    assert (trigger.constraint, trigger.relation, trigger.calls) == (
        "order_items_product_id_fkey",
        "products",
        1,
    )
    assert plan("fk_delete").find("ModifyTable")[0].label == "Delete on products"


def test_heap_fetches_settings_and_subplans_are_read():
    assert plan("heap_fetches").find("Index Only Scan")[0].heap_fetches == 64
    assert plan("filter_misjudged").settings["enable_seqscan"] == "off"
    assert {n.subplan for n in plan("subplans").walk()} == {"", "InitPlan 2", "SubPlan 1"}


def test_a_bitmap_or_counts_no_rows_and_so_no_misestimate():
    assert plan("bitmap_or").find("BitmapOr")[0].misestimate == 1.0


@pytest.mark.parametrize("nonsense", ["not json", "[]", "{}", 7, None, [{"Plan": 3}], [{}, {}]])
def test_what_is_no_plan_is_refused_in_one_sentence(nonsense):
    with pytest.raises(ValueError, match=r"^This is not .*EXPLAIN"):
        Plan.from_explain(nonsense)


@pytest.mark.parametrize("file", PLANS, ids=lambda f: f.stem)
def test_every_plan_can_be_shown(file):
    explained = json.loads(file.read_text())
    tree = Plan.from_explain(explained)
    text, drawn = plan_text(explained, width=80), plan_svg(explained)
    assert max(map(len, text.splitlines())) <= 80
    for node in tree.walk():
        assert node.label.split(" using ")[0] in text
        assert node.label.split(" on ")[0].split(" using ")[0] in drawn
    if tree.analyzed:
        assert text.count("MOST PAGES") == drawn.count("MOST PAGES") == 1
