"""EXPLAIN's JSON turned into nodes: the arithmetic that makes counts totals and pages a node's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grader.show.plan_tree import Node, Trigger

# Nodes that read all of their input before they return the first row: a Limit above cannot cut it short.
_BLOCKING = {"Sort", "Hash", "Aggregate", "SetOp", "ModifyTable"}
_CONDITIONS = (
    "Index Cond",
    "Recheck Cond",
    "Filter",
    "Join Filter",
    "Hash Cond",
    "Merge Cond",
    "One-Time Filter",
    "Order By",
    "TID Cond",
)


def read_node(data: Mapping[str, Any], *, early: bool = False, divided: float = 1.0) -> Node:
    """A node and everything below it.

    early: it may be asked for fewer rows than it has. divided: what a loop's row estimate must be multiplied by, other
    than 1 below a Gather.
    """
    loops = data.get("Actual Loops")
    times = loops or 0

    def over_loops(key: str) -> int:  # EXPLAIN prints averages, since version 18 with two decimals
        return round(float(data.get(key, 0)) * times)

    kind = data["Node Type"]
    below = _parallel_share(data) if kind in ("Gather", "Gather Merge") else divided
    children = tuple(
        read_node(child, early=_cut_short(data, child, early), divided=below)
        for child in data.get("Plans", ())
    )
    by_filter = over_loops("Rows Removed by Filter")
    by_recheck = over_loops("Rows Removed by Index Recheck")
    temp = int(data.get("Temp Read Blocks", 0)) + int(data.get("Temp Written Blocks", 0))
    return Node(
        node_type=kind,
        parent_relationship=data.get("Parent Relationship", ""),
        subplan=data.get("Subplan Name", ""),
        relation=data.get("Relation Name", ""),
        schema=data.get("Schema", ""),
        alias=data.get("Alias", ""),
        index=data.get("Index Name", ""),
        cte=data.get("CTE Name", ""),
        operation=data.get("Operation", "") if kind == "ModifyTable" else "",
        join_type=data.get("Join Type", ""),
        strategy=data.get("Strategy", ""),
        backward=data.get("Scan Direction") == "Backward",
        parallel=bool(data.get("Parallel Aware")),
        workers=data.get("Workers Launched", 0),
        plan_rows=float(data.get("Plan Rows", 0)) * (1 if loops is None else loops * divided),
        actual_rows=over_loops("Actual Rows"),
        loops=loops,
        rows_removed=by_filter + by_recheck + over_loops("Rows Removed by Join Filter"),
        removed_by_filter=by_filter,
        removed_by_recheck=by_recheck,
        heap_fetches=data.get("Heap Fetches", 0),
        exact_heap_blocks=data.get("Exact Heap Blocks", 0),
        lossy_heap_blocks=data.get("Lossy Heap Blocks", 0),
        index_searches=data.get("Index Searches", 0),
        shared_hit=data.get("Shared Hit Blocks", 0),
        shared_read=data.get("Shared Read Blocks", 0),
        temp_pages=temp,
        own_pages=_own_pages(data),
        wal_records=data.get("WAL Records", 0),
        wal_bytes=data.get("WAL Bytes", 0),
        wal_full_pages=data.get("WAL FPI", 0),
        total_cost=float(data.get("Total Cost", 0.0)),
        milliseconds=float(data.get("Actual Total Time", 0.0)) * times,
        sort_key=tuple(data.get("Sort Key", ())),
        sort_method=data.get("Sort Method", ""),
        conditions={key: data[key] for key in _CONDITIONS if isinstance(data.get(key), str)},
        children=children,
        stopped_early=early,
    )


def _parallel_share(gather: Mapping[str, Any]) -> float:
    """The planner's divisor over the processes that took part: below a Gather an estimate is one worker's.

    The divisor counts the leader as what is left of it when each worker takes 30 per cent of its attention
    (get_parallel_divisor in src/backend/optimizer/path/costsize.c).
    """
    workers = int(gather.get("Workers Planned", 0))
    return (workers + max(0.0, 1 - 0.3 * workers)) / (int(gather.get("Workers Launched", 0)) + 1)


def _own_pages(data: Mapping[str, Any]) -> int:
    """Pages of the node less those of its children.

    A CTE runs when its CTE Scan asks for rows, so its pages are counted there and in the scan's ancestors,
    while EXPLAIN hangs its plan elsewhere: the scan is charged none, and the CTE's host is not credited.
    """

    def pages(node: Mapping[str, Any]) -> int:
        return int(node.get("Shared Hit Blocks", 0)) + int(node.get("Shared Read Blocks", 0))

    if data["Node Type"] == "CTE Scan":
        return 0
    below = [c for c in data.get("Plans", ()) if not str(c.get("Subplan Name", "")).startswith("CTE ")]
    return max(0, pages(data) - sum(pages(child) for child in below))


def _cut_short(node: Mapping[str, Any], child: Mapping[str, Any], early: bool) -> bool:
    """Whether a child may be asked for fewer rows than it has; `early` says so of the node itself."""
    kind = node["Node Type"]
    relationship = child.get("Parent Relationship", "")
    if str(child.get("Subplan Name", "")).startswith("CTE "):  # as a rule its scan reads all of it
        return early or kind == "Limit"
    if relationship in ("InitPlan", "SubPlan"):  # EXISTS and scalar subqueries take one row
        return True
    if kind in ("Limit", "Merge Join"):  # a merge join ends when either side does
        return True
    if kind == "Nested Loop" and relationship == "Inner" and node.get("Join Type") in ("Semi", "Anti"):
        return True
    # What blocks reads its input whole; a hash join does so with its inner side, through the Hash node.
    return early and (kind not in _BLOCKING or node.get("Strategy") == "Sorted")


def read_trigger(data: Mapping[str, Any]) -> Trigger:
    return Trigger(
        name=data.get("Trigger Name", ""),
        constraint=data.get("Constraint Name", ""),
        relation=data.get("Relation", ""),
        calls=int(data.get("Calls", 0)),
        milliseconds=float(data.get("Time", 0.0)),
    )
