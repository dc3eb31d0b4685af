"""`read_the_plan`: what three plans say, compared with the same plans read here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from grader.checks.exercise import Rejected, Ruling, fail
from grader.checks.indexing.unit import lab
from grader.checks.running import Answer, Bench
from grader.instruments.plans import Plan, explain

QUERIES = {
    "one_customer": "SELECT id, placed_at, total FROM orders WHERE customer_id = 42 ORDER BY placed_at DESC",
    "gifts": """SELECT o.id, i.product_id, i.quantity FROM orders o JOIN order_items i ON i.order_id = o.id
 WHERE o.note LIKE 'Gift%' AND i.quantity > 2""",
    "velo_sales": """SELECT p.name, sum(i.quantity) AS sold FROM order_items i JOIN products p ON p.id = i.product_id
 WHERE p.category = 'outdoor' AND p.brand = 'Velo' GROUP BY p.name ORDER BY sold DESC""",
}
KEYS = ("bottleneck", "rows_thrown_away", "worst_misestimate", "pages")
_KINDS = ("sort", "hash", "join", "loop", "aggregate", "limit", "bitmap", "index", "seq")


@dataclass(frozen=True)
class History:
    said: Mapping[str, Mapping[str, Any]]
    plans: Mapping[str, Plan]


@lab.exercise(
    "read_the_plan",
    kind="value",
    points=3,
    read="02-indexing: Reading a plan",
    coverage=lambda h: f"{len(h.plans)} plans, {len(KEYS)} observations each",
    hints=(
        "Which lines of the plan say what was expected, which what happened, and for how many loops?",
        "Buffers of a node include those of its children; rows and rows removed are averages over loops.",
        "For each node write down: pages less its children's, rows removed times loops, rows expected against rows found. "
        "Then take the largest, the sum and the worst.",
    ),
)
def read_the_plan(answer: Answer, bench: Bench) -> History:
    said = _nested(answer.spawn().value("read_the_plan").value)
    connection = bench.database("shop_small").connection("learner")
    for query in QUERIES.values():
        explain(connection, query)  # the first execution also fills caches
    return History(said, {name: explain(connection, query) for name, query in QUERIES.items()})


def _nested(given: Any) -> dict[str, dict[str, Any]]:
    """The observations by query and key; flat names such as "gifts_pages" or ("gifts", "pages") will do as well."""
    if not isinstance(given, Mapping):
        raise Rejected(f"`read_the_plan` must be a dict with the entries {', '.join(QUERIES)}, each a dict.")
    found: dict[str, dict[str, Any]] = {}
    for name in QUERIES:
        inner = given.get(name)
        found[name] = {str(k): v for k, v in inner.items()} if isinstance(inner, Mapping) else {}
        for key in KEYS:
            for flat in (f"{name}_{key}", f"{name}.{key}", (name, key)):
                if flat in given:
                    found[name][key] = given[flat]
    return found


def thrown_away(plan: Plan) -> int:
    return sum(node.rows_removed for node in plan.walk())


def number(said: Any) -> float | None:
    """The number meant: numbers as they are, "9,995" and "11x" as well."""
    if isinstance(said, str):
        match = re.fullmatch(r"\s*~?(\d[\d_,]*(?:\.\d+)?)\s*(?:x|times|pages|rows)?\s*", said.lower())
        return float(re.sub("[_,]", "", match[1])) if match else None
    if isinstance(said, bool) or not isinstance(said, int | float | Decimal):
        return None
    return float(said)


def names_node(said: Any, plan: Plan) -> bool:
    """Whether a text names the bottleneck: its table and, if it names a kind at all, its kind."""
    node = plan.bottleneck()
    text = (
        " ".join(map(str, said.values() if isinstance(said, Mapping) else said))
        if isinstance(said, Mapping | list | tuple)
        else str(said)
    )
    words = re.findall(r"\w+", text.lower().replace("sequential", "seq"))
    tables = {n.relation for n in plan.walk() if n.relation}
    kinds = {kind for kind in _KINDS if kind in words}
    right = {kind for kind in _KINDS if kind in node.node_type.lower().split()}
    return node.relation in words and not (tables - {node.relation}) & {*words} and kinds <= right


def _each(history: History, key: str, holds: Any, expected: str) -> Ruling:
    """The ruling over one key of all plans. What is right is not said: it is in the learner's own plan."""
    wrong, missing = [], []
    for name, plan in history.plans.items():
        said = history.said[name].get(key)
        if said is None:
            missing.append(name)
        elif not holds(said, plan):
            wrong.append(f"{said!r} for {name}"[:80])
    if not wrong and not missing:
        return True
    absent = f"nothing for {' and '.join(missing)}" if missing else ""
    return fail(
        expected,
        "; ".join(filter(None, [", ".join(wrong), absent])) + ": the plan says otherwise" * bool(wrong),
    )


def _near(said: Any, truth: float, share: float, least: float) -> bool:
    value = number(said)
    return value is not None and abs(value - truth) <= max(share * truth, least)


@read_the_plan.property(
    misconception="EXPLAIN adds up: the pages of a node include those of everything below it. The top node has the most in "
    "every plan."
)
def bottleneck(history: History) -> Ruling:
    """The bottleneck is the node that itself touches the most pages, in each of the three plans."""
    return _each(
        history, "bottleneck", names_node, "kind and table of the node with the most pages of its own"
    )


@read_the_plan.property(
    misconception="Rows removed are an average over loops and stand at each node that filters: multiply, then add up. Rows "
    "that a node returned were not thrown away."
)
def rows_thrown_away(history: History) -> Ruling:
    """The rows read only to be thrown away are counted whole."""
    return _each(
        history,
        "rows_thrown_away",
        lambda said, plan: _near(said, thrown_away(plan), 0.03, 3),
        "all rows removed, by every node, in all loops",
    )


@read_the_plan.property(
    misconception="An estimate is compared with what that very node returned, loop by loop or as a whole on both sides; the "
    "worst node counts, in either direction."
)
def worst_misestimate(history: History) -> Ruling:
    """The worst estimate of each plan is told by its factor."""

    def near(said: Any, plan: Plan) -> bool:
        value, truth = number(said), plan.worst_misestimate().misestimate
        if not value or value < 0:
            return False
        return max(value, 1 / value) <= 1.3 * truth and truth <= 1.3 * max(value, 1 / value)

    return _each(
        history, "worst_misestimate", near, "the factor between rows expected and rows found, at its worst"
    )


@read_the_plan.property(
    misconception="A page found in memory (hit) was touched as much as one that had to be read, and the top node's figures "
    "include all others'."
)
def pages(history: History) -> Ruling:
    """The pages each execution touched are counted once each time, in memory or not."""
    return _each(
        history,
        "pages",
        lambda said, plan: _near(said, plan.pages, 0.08, 4),
        "hit and read of the top node together, planning left out",
    )
