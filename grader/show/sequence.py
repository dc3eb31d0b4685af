"""Who sends what to whom: messages as arrows between lanes, drawn and in plain text.

The data is that of `grader.show.timeline`, and each step may say `to`, the lane it goes to; a step without it is
something a lane does by itself. `result` is written below the arrow; of the states, "error" and "note" are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grader.show import svg
from grader.show.picture import arrow
from grader.show.steps import TAGS, Step, conclusion_of, read_steps
from grader.show.timeline import LANE_COLOURS
from grader.show.words import wrap

WIDTH = 860
_GUTTER = 34


def sequence_svg(data: Mapping[str, Any], width: int = WIDTH) -> str:
    """The sequence as a self-contained SVG document."""
    lanes, steps = read_steps(data)
    column = (width - _GUTTER - 10) / len(lanes)
    at = [_GUTTER + (i + 0.5) * column for i in range(len(lanes))]
    drawn, y = [], 52.0
    for step, raw in zip(steps, data["steps"], strict=True):
        drawn.append(svg.text(_GUTTER - 12, y + 13, step.number, size=11, fill=svg.MUTED, anchor="end"))
        to = raw.get("to")
        target = lanes.index(to) if to in lanes else step.lane
        words, y = (
            _act(step, at[step.lane], y, column, width)
            if target == step.lane
            else _message(step, at[step.lane], at[target], y)
        )
        drawn += words
    back = []
    for i, lane in enumerate(lanes):
        colour = LANE_COLOURS[i % len(LANE_COLOURS)]
        back.append(svg.line(at[i], 36, at[i], y, svg.RULE, 1.2, "4 3"))
        back.append(svg.rect(at[i] - 70, 12, 140, 24, fill="#ffffff", stroke=colour, stroke_width=1.6))
        back.append(
            svg.text(at[i], 29, lane, size=13.5, weight="bold", fill=colour, anchor="middle", family=svg.SANS)
        )
    foot, y = _foot(data, y + 6, width)
    return svg.document(
        [*back, *drawn, *foot], width, y + 8, f"Messages between {', '.join(lanes)}. {conclusion_of(data)}"
    )


def _message(step: Step, start: float, end: float, y: float) -> tuple[list[str], float]:
    """An arrow with its words above and what they mean beneath."""
    bad = step.broken or step.state in TAGS
    left, room = min(start, end) + 8, abs(end - start) - 16
    lines = wrap(step.text, svg.columns_in(room), max_lines=3)
    remark = wrap(step.remark, svg.columns_in(room, 11), max_lines=4) if step.remark else []
    colour = svg.BAD if bad else LANE_COLOURS[step.lane % len(LANE_COLOURS)]
    # paper behind the words: an arrow may pass over a lane between its ends
    drawn = [svg.rect(left - 2, y - 1, _wide(lines, 12), 16 * len(lines) + 2, fill=svg.PAPER)]
    for i, words in enumerate(lines):
        drawn.append(
            svg.text(
                left,
                y + 12 + 16 * i,
                words,
                fill=svg.BAD if bad else svg.INK,
                weight="bold" if bad else "normal",
            )
        )
    y += 16 * len(lines) + 6
    drawn.append(arrow(start, y, end, y, colour, 2.2 if bad else 1.6))
    if remark:
        drawn.append(svg.rect(left - 2, y + 4, _wide(remark, 11), 15 * len(remark) + 2, fill=svg.PAPER))
    for i, words in enumerate(remark):
        drawn.append(svg.text(left, y + 16 + 15 * i, words, size=11, fill=svg.BAD if bad else svg.MUTED))
    y += 15 * len(remark) + (12 if remark else 10)
    return [svg.group(drawn, step.full)], y + (12 if remark else 6)


def _wide(lines: list[str], size: float) -> float:
    """Pixels that these lines of a fixed-width font take, with a little air."""
    return max(len(words) for words in lines) * 0.61 * size + 8


def _act(step: Step, x: float, y: float, column: float, width: float) -> tuple[list[str], float]:
    """A box on a lane: something it does by itself."""
    bad = step.broken or step.state in TAGS
    wide = column - 14
    left = min(max(x - wide / 2, _GUTTER), width - 10 - wide)
    said = step.text + (f": {step.remark}" if step.remark else "")
    lines = wrap(said, int((wide - 20) / 6.7), max_lines=5)
    high = 16 * len(lines) + 10
    drawn = [
        svg.rect(
            left,
            y,
            wide,
            high,
            fill="#fdeceb" if bad else "#eef3f8",
            stroke=svg.BAD if bad else svg.RULE,
            stroke_width=2 if bad else 1,
        )
    ]
    for i, words in enumerate(lines):
        drawn.append(
            svg.text(
                left + 10,
                y + 18 + 16 * i,
                words,
                fill=svg.BAD if bad else svg.INK,
                weight="bold" if bad else "normal",
                family=svg.SANS,
            )
        )
    return [svg.group(drawn, step.full)], y + high + 12


def _foot(data: Mapping[str, Any], y: float, width: float) -> tuple[list[str], float]:
    words, bad = conclusion_of({**data, "broken_at": None}), data.get("broken_at") is not None
    if not words:
        return [], y
    lines = wrap(("✗ " if bad else "") + words, int((width - 40) / 8.0))
    drawn = [
        svg.rect(10, y, width - 20, 12 + 18 * len(lines), fill="#fdeceb" if bad else "#eef3f8", radius=4)
    ]
    for i, line in enumerate(lines):
        fill = svg.BAD if bad else svg.INK
        drawn.append(svg.text(20, y + 20 + 18 * i, line, size=13, weight="bold", family=svg.SANS, fill=fill))
    return drawn, y + 12 + 18 * len(lines)


def sequence_text(data: Mapping[str, Any], width: int = 100) -> str:
    """The same, one message a line."""
    lanes, steps = read_steps(data)
    out = []
    for step, raw in zip(steps, data["steps"], strict=True):
        to = raw.get("to") or lanes[step.lane]
        way = lanes[step.lane] if to == lanes[step.lane] else f"{lanes[step.lane]} -> {to}"
        head = {"error": "ERROR: "}.get(step.state, "")
        lines = wrap(f"{head}{step.text}", width - 28)
        lines += wrap(f"({step.remark})", width - 28) if step.remark else []
        out.append(f"{step.number:>3}  {way:<22} {lines[0]}")
        out += [" " * 28 + words for words in lines[1:]]
    if words := conclusion_of({**data, "broken_at": None}):
        out += ["", *wrap(words, width)]
    return "\n".join(out)
