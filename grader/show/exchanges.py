"""Requests whose reply did not come, side by side: what became of each, and what its sender knows.

Drawn and in plain text. What happened is read off the effect: none at all, one before the sender gave up, one after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.show import svg
from grader.show.picture import arrow
from grader.show.words import wrap

WIDTH, HEIGHT = 860, 292
_TOP, _GAVE_UP, _END = 74, 170, 232


@dataclass(frozen=True)
class Unanswered:
    """title: what went wrong. sees: the sender's exception. then, later: effects when it gave up, and in the end."""

    title: str
    sees: str
    then: int
    later: int


def exchanges_svg(outcomes: Sequence[Unanswered], sender: str, receiver: str, effect: str) -> str:
    """effect: what the receiver does, in a word or two ("charges")."""
    column = (WIDTH - 20) / max(len(outcomes), 1)
    parts = []
    for i, one in enumerate(outcomes):
        x = 10 + i * column
        if i:
            parts.append(svg.line(x, 14, x, HEIGHT - 14, svg.RULE))
        parts.append(_exchange(one, x, column, sender, receiver, effect))
    return svg.document(parts, WIDTH, HEIGHT, "; ".join(o.title for o in outcomes))


def _exchange(one: Unanswered, x: float, width: float, sender: str, receiver: str, effect: str) -> str:
    left, right = x + 62, x + width - 66
    parts = [svg.text(x + 14, 30, one.title, size=13.5, weight="bold", family=svg.SANS)]
    for at, name in ((left, sender), (right, receiver)):
        parts.append(svg.text(at, 56, name, size=12, fill=svg.MUTED, anchor="middle", family=svg.SANS))
        parts.append(svg.line(at, 64, at, _END, svg.MUTED, 1.2))
    middle = (left + right) / 2
    if not one.later:
        parts += [arrow(left, _TOP, middle - 8, _TOP + 12), _cross(middle + 4, _TOP + 15)]
    else:
        arrived = _TOP + 26 if one.then else _GAVE_UP + 24
        parts.append(arrow(left, _TOP, right - 12, arrived - 3))
        parts.append(svg.rect(right - 10, arrived - 10, 20, 20, fill=svg.GOOD, radius=2))
        parts.append(
            svg.text(right, arrived + 4.5, "1", size=12.5, weight="bold", fill="#ffffff", anchor="middle")
        )
        parts.append(svg.text(right + 14, arrived + 4, effect, size=11, fill=svg.GOOD, family=svg.SANS))
        back = arrived + 20
        parts += [arrow(right - 4, arrived + 10, middle + 12, back + 6), _cross(middle + 2, back + 9)]
    parts.append(svg.rect(left - 48, _GAVE_UP - 12, 96, 24, fill="#fff7e0", stroke=svg.DOUBT, dash="4 3"))
    parts.append(
        svg.text(left, _GAVE_UP + 4, "gives up", size=11.5, fill=svg.DOUBT, anchor="middle", family=svg.SANS)
    )
    parts.append(svg.text(x + 14, HEIGHT - 38, f"sees    {one.sees}", size=11.5))
    was = f"{one.then}, later {one.later}" if one.then != one.later else str(one.later)
    parts.append(svg.text(x + 14, HEIGHT - 18, f"effects {was}", size=11.5, weight="bold"))
    return svg.group(parts, exchanges_text([one]))


def _cross(x: float, y: float) -> str:
    return svg.text(x, y + 5, "✗", size=17, fill=svg.BAD, weight="bold", anchor="middle")


def exchanges_text(outcomes: Sequence[Unanswered]) -> str:
    """One line each."""
    width = max((len(o.title) for o in outcomes), default=0)
    lines = [
        f"{o.title:{width}}  sees {o.sees}; effects when it gave up: {o.then}, in the end: {o.later}"
        for o in outcomes
    ]
    return "\n".join(x for line in lines for x in wrap(line, 110))
