"""Plans, drawn and in plain text, with the two things to look at first said in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grader.show import svg
from grader.show.plan_tree import Node, Plan
from grader.show.words import count, factor, number, one_line, shorten, wrap

WIDTH = 860
_OFF = 2.0  # a misestimate below this factor is not worth a flag


@dataclass(frozen=True)
class Row:
    """One node as shown. depth: 0 for the root. facts: what it did. flags: why to look here."""

    node: Node
    depth: int
    facts: tuple[str, ...]
    conditions: tuple[str, ...]
    flags: tuple[str, ...]
    share: float


def rows_of(plan: Plan) -> list[Row]:
    """The plan's nodes in EXPLAIN's order, with what is worth saying about each."""
    worst, most = plan.worst_misestimate(), plan.bottleneck()

    def rows(node: Node, depth: int) -> list[Row]:
        flags = []
        if plan.analyzed and node is most and node.own_pages:
            flags.append(f"MOST PAGES: {number(node.own_pages)} of {number(plan.pages)}")
        if plan.analyzed and node is worst and node.misestimate >= _OFF:
            low = node.plan_rows < node.actual_rows
            flags.append(f"WORST ESTIMATE: {factor(node.misestimate)} too {'low' if low else 'high'}")
        row = Row(node, depth, tuple(_facts(node)), tuple(_conditions(node)), tuple(flags), plan.share(node))
        return [row, *(r for child in node.children for r in rows(child, depth + 1))]

    return rows(plan.root, 0)


def _facts(node: Node) -> list[str]:
    if node.loops is None:
        return [f"{count(node.plan_rows, 'row')} estimated"]
    if not node.executed:
        return ["never executed"]
    facts = [f"{count(node.actual_rows, 'row')}, {number(round(node.plan_rows))} estimated"]
    if node.node_type in ("BitmapAnd", "BitmapOr", "ModifyTable"):
        facts = []
    if node.stopped_early and node.actual_rows < node.plan_rows:
        facts = [f"{count(node.actual_rows, 'row')}, stopped early"]
    if (node.loops or 0) > 1:
        facts.append(f"{number(node.loops)} loops")
    if node.rows_removed:
        facts.append(f"{count(node.rows_removed, 'row')} thrown away")
    if node.node_type == "Index Only Scan":
        facts.append(count(node.heap_fetches, "heap fetch").replace("fetchs", "fetches"))
    if node.lossy_heap_blocks:
        facts.append(f"{count(node.lossy_heap_blocks, 'lossy page')}")
    if node.own_pages:
        read = f" ({number(node.shared_read)} from disk)" if node.shared_read and not node.children else ""
        facts.append(f"{count(node.own_pages, 'page')}{read}")
    if node.temp_pages:
        facts.append(f"{count(node.temp_pages, 'page')} of temporary files")
    if node.sort_method:
        facts.append(node.sort_method)
    return facts


def _conditions(node: Node) -> list[str]:
    shown = [f"{name}: {one_line(text)}" for name, text in node.conditions.items()]
    if node.sort_key:
        shown.append(f"Sort Key: {', '.join(node.sort_key)}")
    return shown


def _heading(node: Node) -> str:
    return f"{node.subplan}: {node.label}" if node.subplan else node.label


def summary(plan: Plan) -> list[str]:
    """The plan in a few sentences: work done, where, and how good the estimates were."""
    if not plan.analyzed:
        return ["Estimated only: this plan was not run."]
    most, worst = plan.bottleneck(), plan.worst_misestimate()
    returned = f" to return {count(plan.root.actual_rows, 'row')}" if not plan.root.operation else ""
    lines = [f"Touched {count(plan.pages, 'page')} (8 kB each){returned}."]
    if most.own_pages:
        lines.append(f"Most pages: {most.label}, {number(most.own_pages)} ({plan.share(most):.0%}).")
    if worst.misestimate >= _OFF:
        lines.append(
            f"Worst estimate: {worst.label}, {number(round(worst.plan_rows))} rows expected, "
            f"{number(worst.actual_rows)} came ({factor(worst.misestimate)} off)."
        )
    for trigger in plan.triggers:
        name = trigger.constraint or trigger.name
        lines.append(
            f"Trigger {name} on {trigger.relation}: {count(trigger.calls, 'call')}, whose work is not in the plan."
        )
    return lines


def plan_text(explained: Any, width: int = 100) -> str:
    """The plan as an indented tree in plain text. explained: what EXPLAIN (FORMAT JSON) returns, or a Plan."""
    plan = explained if isinstance(explained, Plan) else Plan.from_explain(explained)
    out: list[str] = []
    for row in rows_of(plan):
        lead = "  " * row.depth + ("-> " if row.depth else "")
        body = " " * (len(lead) + 2)
        out += [
            lead + part if i == 0 else body + part
            for i, part in enumerate(wrap(_heading(row.node), width - len(lead)))
        ]
        detail = [", ".join(row.facts)] if row.facts else []
        for words in [*detail, *row.conditions, *(f"<== {flag}" for flag in row.flags)]:
            out += [body + part for part in wrap(words, width - len(body))]
    return "\n".join([*out, "", *(part for words in summary(plan) for part in wrap(words, width))])


def plan_svg(explained: Any, width: int = WIDTH) -> str:
    """The plan as a self-contained SVG: an indented tree, a bar for each node's share of the pages."""
    plan = explained if isinstance(explained, Plan) else Plan.from_explain(explained)
    bar_room, y = 150, 12.0
    parts: list[str] = []
    elbows: dict[int, float] = {}  # depth -> y where the last node of that depth begins
    for row in rows_of(plan):
        x = 14 + 20 * min(row.depth, 12)
        drawn, height = _draw_row(row, x, y, width - bar_room - 24 - x)
        if row.depth:
            top = elbows.get(row.depth - 1, y)
            parts.insert(
                0,
                svg.line(x - 12, top, x - 12, y + 13, "#9aa3ad")
                + svg.line(x - 12, y + 13, x, y + 13, "#9aa3ad"),
            )
        elbows[row.depth] = y + height
        parts += [drawn, _share_bar(row, width - bar_room - 8, y, bar_room - 6) if plan.analyzed else ""]
        y += height + 7
    y += 4
    for words in summary(plan):
        for text in wrap(words, int((width - 28) / 7.0)):
            y += 16
            parts.append(svg.text(14, y, text, size=12.5, family=svg.SANS))
    return svg.document(parts, width, y + 12, f"Query plan. {' '.join(summary(plan))}")


def _draw_row(row: Row, x: float, y: float, width: float) -> tuple[str, float]:
    """One node's box and its height."""
    room = svg.columns_in(width - 18, 11.5)
    head = wrap(_heading(row.node), svg.columns_in(width - 18, 12.5), max_lines=2)
    facts = wrap(", ".join(row.facts), room, max_lines=3) if row.facts else []
    conditions = [shorten(c, room) for c in row.conditions]
    height = 9 + 16 * len(head) + 15 * (len(facts) + len(conditions)) + 19 * len(row.flags)
    flagged = bool(row.flags)
    ran = row.node.executed or row.node.loops is None
    parts = [
        svg.rect(
            x,
            y,
            width,
            height,
            fill="#fff4e5" if flagged else "#ffffff",
            stroke=svg.DOUBT if flagged else svg.RULE,
            stroke_width=1.6 if flagged else 1,
            dash="" if ran else "4 3",
        )
    ]
    at = y + 2
    for words in head:
        at += 16
        parts.append(svg.text(x + 9, at, words, size=12.5, weight="bold"))
    for words in facts:
        at += 15
        parts.append(svg.text(x + 9, at, words, size=11.5))
    for words in conditions:
        at += 15
        parts.append(svg.text(x + 9, at, words, size=11.5, fill=svg.MUTED))
    for words in row.flags:
        at += 19
        parts.append(svg.tag(x + 9, at - 1, words, svg.DOUBT)[0])
    return svg.group(parts, "\n".join([_heading(row.node), *row.facts, *row.conditions])), height


def _share_bar(row: Row, x: float, y: float, width: float) -> str:
    """The node's own share of the pages touched, as a bar and in figures."""
    share = row.share
    label = f"{number(row.node.own_pages)} pages, {share:.0%}" if row.node.own_pages else "no pages itself"
    colour = svg.DOUBT if row.flags else "#5b7ea6"
    return (
        svg.rect(x, y + 6, width, 8, fill="#e8ebee", radius=2)
        + (svg.rect(x, y + 6, max(2.0, width * share), 8, fill=colour, radius=2) if share else "")
        + svg.text(x, y + 27, label, size=11, fill=svg.MUTED)
    )
