"""A query plan as a tree of plain data: what EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) says, read once.

The reader lives beside the drawing, because `grader.show` imports nothing above it; checks use it through
`grader.instruments.plans`, which adds the reading from a live server.

Sources: the PostgreSQL manual, "Using EXPLAIN", and the field names of src/backend/commands/explain.c.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# Nodes whose "actual rows" is not a count of rows (a bitmap, or the rows of RETURNING).
_NOT_COUNTING = {"BitmapAnd", "BitmapOr", "ModifyTable", "LockRows"}


@dataclass(frozen=True)
class Trigger:
    """A trigger that fired. A foreign key's check or cascade is one: its time is no plan node's."""

    name: str
    constraint: str
    relation: str
    calls: int
    milliseconds: float


@dataclass(frozen=True)
class Node:
    """One node of a plan. Counts are totals over all loops, not averages; pages are 8 kB buffers.

    `shared_hit` and `shared_read` include the children, as EXPLAIN reports them; `own_pages` does not.
    Without ANALYZE `loops` is None and every actual figure 0; a node that never ran has `loops` 0.
    """

    node_type: str  # as in EXPLAIN: "Index Only Scan", "Nested Loop"; ModifyTable has its own `operation`
    parent_relationship: str = ""  # "Outer", "Inner", "InitPlan", "SubPlan", "Member", "Subquery"
    subplan: str = ""  # "CTE recent", "InitPlan 1"
    relation: str = ""
    schema: str = ""
    alias: str = ""
    index: str = ""
    cte: str = ""  # the name a CTE Scan reads
    operation: str = ""  # "Insert", "Update", "Delete" of a ModifyTable
    join_type: str = ""
    strategy: str = ""  # of an Aggregate: "Hashed", "Sorted", "Plain"
    backward: bool = False
    parallel: bool = False
    workers: int = 0
    plan_rows: float = 0.0  # estimate, over all loops
    actual_rows: int = 0
    loops: int | None = None
    rows_removed: int = 0  # by filter, join filter and index recheck together
    removed_by_filter: int = 0
    removed_by_recheck: int = 0
    heap_fetches: int = 0
    exact_heap_blocks: int = 0
    lossy_heap_blocks: int = 0
    index_searches: int = 0
    shared_hit: int = 0
    shared_read: int = 0
    temp_pages: int = 0
    own_pages: int = 0
    wal_records: int = 0
    wal_bytes: int = 0
    wal_full_pages: int = 0
    total_cost: float = 0.0
    milliseconds: float = 0.0  # inclusive, over all loops; 0 with TIMING off
    sort_key: tuple[str, ...] = ()
    sort_method: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Node, ...] = ()
    stopped_early: bool = False  # a Limit or a semi join above took what it needed and asked no further

    @property
    def pages(self) -> int:
        """Pages of this node and everything below it, found in shared buffers or not."""
        return self.shared_hit + self.shared_read

    @property
    def executed(self) -> bool:
        return bool(self.loops)

    @property
    def filter(self) -> str:
        return self.conditions.get("Filter", "")

    @property
    def index_cond(self) -> str:
        return self.conditions.get("Index Cond", "")

    @property
    def recheck_cond(self) -> str:
        return self.conditions.get("Recheck Cond", "")

    @property
    def rows_read(self) -> int:
        """Rows looked at: those returned and those thrown away."""
        return self.actual_rows + self.rows_removed

    @property
    def misestimate(self) -> float:
        """How many times too high or too low the estimate was, at least 1.0; counts below one row are one.

        1.0 as well where comparing would be unfair: the node never ran, counts no rows, or was stopped early.
        """
        if not self.executed or self.node_type in _NOT_COUNTING:
            return 1.0
        estimate, actual = max(self.plan_rows, 1.0), max(float(self.actual_rows), 1.0)
        if self.stopped_early and actual < estimate:
            return 1.0
        return max(estimate / actual, actual / estimate)

    @property
    def label(self) -> str:
        """The node in EXPLAIN's own words: "Index Scan using orders_pkey on orders o"."""
        kind = self.operation or self.node_type
        if kind == "Aggregate":
            kind = {"Hashed": "HashAggregate", "Sorted": "GroupAggregate"}.get(self.strategy, kind)
        if self.join_type not in ("", "Inner") and kind.endswith(("Join", "Loop")):
            kind = f"{kind} ({self.join_type})"
        text = f"{'Parallel ' if self.parallel else ''}{kind}{' Backward' if self.backward else ''}"
        if self.index:
            text += f" on {self.index}" if kind == "Bitmap Index Scan" else f" using {self.index}"
        if name := self.relation or self.cte:
            text += f" on {name}" + (f" {self.alias}" if self.alias and self.alias != name else "")
        return text

    def walk(self) -> Iterator[Node]:
        """This node, then everything below it, in the order EXPLAIN prints them."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class Plan:
    """One query's plan."""

    root: Node
    triggers: tuple[Trigger, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)  # planner settings that are not the default
    planning_pages: int = 0
    execution_ms: float = 0.0
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_explain(cls, explained: Any) -> Plan:
        """Reads what EXPLAIN (FORMAT JSON) returned: its text, the list of one, or the object inside.

        Raises ValueError with one sentence if it is no such thing.
        """
        from grader.show.plan_reader import read_node, read_trigger

        if isinstance(explained, (str, bytes)):
            try:
                explained = json.loads(explained)
            except ValueError as error:
                raise ValueError("This is not JSON: use EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON).") from error
        if isinstance(explained, list) and len(explained) == 1:
            explained = explained[0]
        if isinstance(explained, Mapping) and "Node Type" in explained:
            explained = {"Plan": explained}
        if not isinstance(explained, Mapping) or not isinstance(explained.get("Plan"), Mapping):
            raise ValueError("This is not a plan: give the result of EXPLAIN (FORMAT JSON) of one query.")
        planning = explained.get("Planning", {})
        return cls(
            root=read_node(explained["Plan"]),
            triggers=tuple(read_trigger(t) for t in explained.get("Triggers", ())),
            settings=dict(explained.get("Settings", {})),
            planning_pages=planning.get("Shared Hit Blocks", 0) + planning.get("Shared Read Blocks", 0),
            execution_ms=float(explained.get("Execution Time", 0.0)),
            raw=explained,
        )

    @property
    def analyzed(self) -> bool:
        return self.root.loops is not None

    @property
    def pages(self) -> int:
        """Pages the execution touched, planning and triggers excluded. Index and heap pages, each visit counts."""
        return self.root.pages

    def walk(self) -> Iterator[Node]:
        return self.root.walk()

    def find(
        self,
        node_type: str | None = None,
        *,
        relation: str | None = None,
        alias: str | None = None,
        index: str | None = None,
        executed: bool | None = None,
    ) -> list[Node]:
        """The nodes that have exactly these attributes, in EXPLAIN's order. Never a search in text."""
        return [
            n
            for n in self.walk()
            if (node_type is None or n.node_type == node_type)
            and (relation is None or n.relation == relation)
            and (alias is None or n.alias == alias)
            and (index is None or n.index == index)
            and (executed is None or n.executed == executed)
        ]

    def has(self, node_type: str, **attributes: Any) -> bool:
        return bool(self.find(node_type, **attributes))

    def uses_index(self, name: str) -> bool:
        """True if a scan of that index is in the plan and, where the plan was analyzed, has run."""
        return any(n.executed or not self.analyzed for n in self.find(index=name))

    def indexes(self) -> tuple[str, ...]:
        """Names of the indexes scanned, without repetition, in EXPLAIN's order."""
        return tuple(dict.fromkeys(n.index for n in self.walk() if n.index))

    def worst_misestimate(self) -> Node:
        """The node whose row estimate is furthest off, as a factor in either direction.

        Of equals the one nearest the leaves counts, since an error is inherited upwards. Nodes that a Limit or a
        semi join stopped early do not count: they returned fewer rows because no one asked for more.
        """
        worst = self.root
        for node in self.walk():  # parents come first, so ">=" prefers what lies deeper
            if node.misestimate >= worst.misestimate and (node.misestimate > 1.0 or node is self.root):
                worst = node
        return worst

    def bottleneck(self) -> Node:
        """The node that itself touches the most pages (children excluded), the first such in EXPLAIN's order.

        Where nothing touched a page (no BUFFERS, or a plan over constants) the one that looked at most rows.
        Pages, not milliseconds: they are the same on every machine and every run.
        """
        nodes = list(self.walk())
        if any(n.own_pages for n in nodes):
            return max(nodes, key=lambda n: n.own_pages)
        return max(nodes, key=lambda n: n.rows_read)

    def share(self, node: Node) -> float:
        """The part of the plan's pages that the node itself touched, 0.0 to 1.0."""
        total = sum(n.own_pages for n in self.walk())
        return node.own_pages / total if total else 0.0
