"""Steps in a row, and between them what is left if the process dies there: one lane for each way of writing it.

Drawn and in plain text. A mark says by its shape and its words what its colour says: a tick for what is right, a
wave for what is right under a condition, a cross for what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from grader.show import svg
from grader.show.words import wrap

WIDTH = 860
_LEFT, _BOX, _LANE = 18, 36, 92


@dataclass(frozen=True)
class CrashLane:
    """steps: the boundaries of an undisturbed run, in order. left: what is left after dying before the first step,
    and after each step, so one more than steps. undisturbed: what is left when nobody dies."""

    steps: tuple[str, ...]
    left: tuple[str, ...]
    undisturbed: str


def short(text: str) -> str:
    """A step in two words: "INSERT orders", "COMMIT", "publish"."""
    if found := re.match(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)", text, re.I):
        return f"{found[1].split()[0].upper()} {found[2]}"
    if found := re.match(r"\s*SELECT\b.*?\bFROM\s+(\w+)", text, re.I | re.S):
        return f"SELECT {found[1]}"
    return text.strip().partition(" ")[0]


def crashes_svg(lanes: Mapping[str, CrashLane], good: Collection[str], doubt: Collection[str] = ()) -> str:
    most = max((len(lane.steps) for lane in lanes.values()), default=1)
    gap = 60.0 if most < 6 else 44.0
    box = min(132.0, (WIDTH - 2 * _LEFT - gap * (most + 1)) / most)
    parts, y = [], 20.0
    for name, lane in lanes.items():
        parts.append(svg.text(_LEFT, y + 6, name, size=13.5, weight="bold", family=svg.SANS))
        top = y + 18
        for i, left in enumerate(lane.left):
            x = _LEFT + i * (gap + box)
            parts.append(svg.line(x, top + _BOX / 2, x + gap, top + _BOX / 2, svg.MUTED, 1.2))
            parts.append(_mark(x + gap / 2, top + _BOX / 2, left, good, doubt, gap))
            if i < len(lane.steps):
                words = short(lane.steps[i])
                drawn = [svg.rect(x + gap, top, box, _BOX, fill="#ffffff", stroke=svg.MUTED)]
                lines = words.split() if len(words) > svg.columns_in(box - 6, 11) else [words]
                for n, line in enumerate(lines):
                    at = top + _BOX / 2 + 4 + (n - (len(lines) - 1) / 2) * 13
                    drawn.append(svg.text(x + gap + box / 2, at, line, size=11, anchor="middle"))
                parts.append(svg.group(drawn, lane.steps[i]))
        y += _LANE
    parts.append(
        svg.text(
            _LEFT,
            y + 2,
            "Each mark: the process dies there. Below it, what is left once everything else has run its course.",
            size=11.5,
            fill=svg.MUTED,
            family=svg.SANS,
        )
    )
    return svg.document(parts, WIDTH, y + 14, "; ".join(lanes))


def _mark(x: float, y: float, left: str, good: Collection[str], doubt: Collection[str], room: float) -> str:
    sign, colour = _sign(left, good, doubt)
    parts = [
        f'<circle cx="{x:g}" cy="{y:g}" r="10" fill="{colour}"/>',
        svg.text(x, y + 4.5, sign, size=13, fill="#ffffff", weight="bold", anchor="middle"),
    ]
    for n, line in enumerate(wrap(left, svg.columns_in(room + 34, 11), max_lines=2)):
        parts.append(
            svg.text(
                x,
                y + 32 + 13 * n,
                line,
                size=11,
                fill=colour,
                weight="bold",
                anchor="middle",
                family=svg.SANS,
            )
        )
    return svg.group(parts, left)


def _sign(left: str, good: Collection[str], doubt: Collection[str]) -> tuple[str, str]:
    if left in good:
        return "✓", svg.GOOD
    return ("≈", svg.DOUBT) if left in doubt else ("✗", svg.BAD)


def crashes_text(lanes: Mapping[str, CrashLane], good: Collection[str], doubt: Collection[str] = ()) -> str:
    """Each lane as a list: the step, and what is left if the process dies after it."""
    out = []
    for name, lane in lanes.items():
        out.append(name)
        places = ["dies at the start", *(f"dies after {short(step)}" for step in lane.steps)]
        width = max(len(place) for place in places)
        for place, left in zip(places, lane.left, strict=False):
            out.append(f"  {place:{width}}  {_sign(left, good, doubt)[0]} {left}")
        out.append("")
    return "\n".join(out).rstrip()
