"""Timelines: who did what in which order, drawn and in T1/T2 columns.

The data is a JSON-safe dict:
    lanes       names, left to right: ["T1", "T2"] or ["caller", "app", "Postgres", "Redis", "provider"]
    steps       in execution order, each {"lane", "text", "result", "state", "waits_for", "read"};
                state: "ok", "waits", "error", "crash", "lost" or "note"; all but lane and text optional;
                where "caller" takes more than one value it is written before the text
    broken_at   index into steps of the step that broke the property, or None
    conclusion  one sentence: "Total is 90, must be 100"
    schedule    the order in words, to replay it: "T1 T1 T2 T2"

The notation of the text twin follows Hermitage (Kleppmann, "Testing the I in ACID").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grader.show import svg
from grader.show.steps import TAGS, Step, conclusion_of, read_steps, resumed_at
from grader.show.words import one_line, wrap

LANE_COLOURS = ("#1d5fa6", "#9a4f12", "#2c6e49", "#6a3d9a", "#00696f", "#7a3b5d")
WIDTH = 860


def timeline_svg(data: Mapping[str, Any], width: int = WIDTH) -> str:
    """The timeline as a self-contained SVG document, `width` pixels wide at most."""
    lanes, steps = read_steps(data)
    gutter = 34
    column = (width - gutter - 10) / len(lanes)
    tops, y = [], 46.0
    drawn: list[str] = []
    for step in steps:
        tops.append(y)
        box, height = _draw_step(step, gutter + step.lane * column, y, column - 10)
        drawn.append(svg.text(gutter - 8, y + 17, step.number, size=11, fill=svg.MUTED, anchor="end") + box)
        y += height + 7
    tops.append(y)

    back = []
    for i, lane in enumerate(lanes):
        x = gutter + i * column
        colour = LANE_COLOURS[i % len(LANE_COLOURS)]
        back.append(svg.text(x + 2, 26, lane, size=14, weight="bold", fill=colour, family=svg.SANS))
        back.append(svg.line(x, 34, x + column - 10, 34, colour, 2))
        back.append(svg.line(x + 4, 36, x + 4, y - 2, svg.RULE, 1))
    for i, step in enumerate(steps):
        if step.state == "waits" and (end := resumed_at(steps, i)) > i + 1:
            back.append(_wait_bar(step, gutter + step.lane * column, tops[i + 1] - 8, tops[end]))

    foot, y = _foot(data, y + 4, width)
    label = f"Timeline of {', '.join(lanes)}. {conclusion_of(data)}"
    return svg.document([*back, *drawn, *foot], width, y + 8, label)


def _draw_step(step: Step, x: float, y: float, width: float) -> tuple[str, float]:
    """One step's box and its height."""
    colour = LANE_COLOURS[step.lane % len(LANE_COLOURS)]
    room = svg.columns_in(width - 18)
    lines = wrap(step.text, room, max_lines=4) if step.text else []
    remark = wrap(step.remark, room, max_lines=3) if step.remark else []
    tags = [(TAGS[step.state], svg.BAD)] if step.state in TAGS else []
    if step.broken:
        tags.append(("BROKEN HERE", svg.BAD))
    height = 8 + 16 * (len(lines) + len(remark)) + (18 if tags else 0)
    parts = []
    if step.state == "note":
        parts.append(svg.rect(x, y, width, height, fill=svg.PAPER))
    else:
        bad = step.broken or step.state in TAGS
        parts.append(
            svg.rect(
                x,
                y,
                width,
                height,
                fill="#fdeceb" if bad else "#fff7e0" if step.state == "waits" else "#ffffff",
                stroke=svg.BAD if bad else svg.DOUBT if step.state == "waits" else svg.RULE,
                stroke_width=2.5 if step.broken else 1.2,
                dash="5 3" if step.state in ("waits", "lost") else "",
            )
        )
        parts.append(svg.rect(x, y, 4, height, fill=colour, radius=1))
    style = "italic" if step.state == "note" else "normal"
    for i, words in enumerate(lines):
        parts.append(svg.text(x + 11, y + 17 + 16 * i, words, style=style))
    for i, words in enumerate(remark):
        mark = "" if step.state == "waits" else "→ " if i == 0 else "  "
        fill = svg.BAD if step.state == "error" else svg.DOUBT if step.state == "waits" else svg.MUTED
        weight = "bold" if step.state in ("waits", "error") else "normal"
        parts.append(
            svg.text(
                x + 11, y + 17 + 16 * (len(lines) + i), mark + words, size=11.5, fill=fill, weight=weight
            )
        )
    left = x + 11
    for words, fill in tags:
        drawn, taken = svg.tag(left, y + height - 8, words, fill)
        parts.append(drawn)
        left += taken + 6
    return svg.group(parts, step.full), height


def _wait_bar(step: Step, x: float, top: float, bottom: float) -> str:
    """The hatched bar that runs down a lane for as long as its statement is held."""
    parts = [svg.rect(x, top, 16, bottom - top, fill="#fff1c4", stroke=svg.DOUBT, dash="4 3", radius=2)]
    words = f"waits for {step.waits_for}" if step.waits_for else "waits"
    if bottom - top > 26:
        parts.append(svg.text(x + 22, (top + bottom) / 2 + 4, words, size=11, fill=svg.DOUBT, style="italic"))
    return svg.group(parts, words)


def _foot(data: Mapping[str, Any], y: float, width: float) -> tuple[list[str], float]:
    """The conclusion and the schedule beneath; (parts, y of the last line)."""
    parts = []
    broken = data.get("broken_at") is not None
    if words := conclusion_of(data):
        lines = wrap(("✗ " if broken else "") + words, int((width - 40) / 8.0))
        fill = "#fdeceb" if broken else "#eef3f8"
        parts.append(svg.rect(10, y, width - 20, 12 + 18 * len(lines), fill=fill, radius=4))
        for text in lines:
            y += 18
            parts.append(
                svg.text(
                    20,
                    y + 2,
                    text,
                    size=13,
                    weight="bold",
                    family=svg.SANS,
                    fill=svg.BAD if broken else svg.INK,
                )
            )
        y += 14
    if schedule := one_line(data.get("schedule") or ""):
        for text in wrap(f"Schedule: {schedule}", svg.columns_in(width - 30, 11), max_lines=3):
            y += 15
            parts.append(svg.text(14, y, text, size=11, fill=svg.MUTED))
    return parts, y


def timeline_text(data: Mapping[str, Any], width: int = 100) -> str:
    """The timeline in plain text, complete without the picture: every statement in full.

    Up to three lanes stand side by side; more are named at the start of each line, for there is no room.
    """
    lanes, steps = read_steps(data)
    out = _side_by_side(lanes, steps, width) if len(lanes) <= 3 else _listed(lanes, steps, width)
    if words := conclusion_of(data):
        out += ["", *wrap(words, width)]
    if schedule := one_line(data.get("schedule") or ""):
        out += wrap(f"Schedule: {schedule}", width)
    return "\n".join(out)


def _lines_of(step: Step, width: int) -> list[str]:
    """What a step says, wrapped: the statement, then what came of it."""
    lines = [x for part in step.text.split("\n") for x in wrap(part, width) if x]
    head = {"error": "ERROR: ", "crash": "CRASH: ", "lost": "LOST: "}.get(step.state, "-> ")
    if step.remark or step.state in TAGS:
        lines += wrap(head + step.remark if step.remark else head.rstrip(": "), width)
    if step.broken:
        lines.append("<== BROKEN HERE")
    return lines or [""]


def _lead(step: Step, first: bool) -> str:
    return f"{step.number:>3}{'> ' if step.broken else '  '}" if first else " " * 5


def _side_by_side(lanes: Sequence[str], steps: Sequence[Step], width: int) -> list[str]:
    column = max(16, (width - 5) // len(lanes))
    out = [" " * 5 + "".join(lane.ljust(column) for lane in lanes).rstrip()]
    out.append(" " * 5 + "".join(("-" * (column - 2)).ljust(column) for _ in lanes).rstrip())
    waiting: dict[int, int] = {}  # lane -> index of the step that ends its wait
    for i, step in enumerate(steps):
        waiting = {lane: end for lane, end in waiting.items() if end > i}
        for j, words in enumerate(_lines_of(step, column - 4)):
            cells = [("|" if lane in waiting else "").ljust(column) for lane in range(len(lanes))]
            cells[step.lane] = (words if j == 0 else "  " + words).ljust(column)
            out.append((_lead(step, j == 0) + "".join(cells)).rstrip())
        if step.state == "waits":
            waiting[step.lane] = resumed_at(steps, i)
    return out


def _listed(lanes: Sequence[str], steps: Sequence[Step], width: int) -> list[str]:
    room = max(len(lane) for lane in lanes) + 2
    out = []
    for step in steps:
        for j, words in enumerate(_lines_of(step, width - room - 7)):
            name = lanes[step.lane].ljust(room) if j == 0 else " " * (room + 2)
            out.append((_lead(step, j == 0) + name + words).rstrip())
    return out
