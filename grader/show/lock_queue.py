"""Who waits for whom, drawn and in plain text: the root blockers on the left, the queue behind them to the right.

A session is a mapping: name, state ("idle in transaction", "active"), statement (its last or present one),
waits_for (names of sessions), wants (the lock it waits for, in words, "" if it does not wait).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grader.show import svg
from grader.show.words import shorten, wrap

Queue = Sequence[Mapping[str, Any]]
WIDTH = 860
_GAP, _HIGH, _SPACE = 56.0, 104.0, 20.0


def lock_queue_svg(sessions: Queue, width: int = WIDTH) -> str:
    """One column a depth of waiting; an arrow from each waiter to everybody it waits for."""
    depth = depths(sessions)
    columns = max(depth.values(), default=0) + 1
    box = (width - 32 - _GAP * (columns - 1)) / columns
    places: dict[str, tuple[float, float]] = {}
    filled = [0] * columns
    for session in sessions:
        column = depth[session["name"]]
        places[session["name"]] = (16 + column * (box + _GAP), 38 + filled[column] * (_HIGH + _SPACE))
        filled[column] += 1
    titles = ["waits for nobody", "waits", "waits behind a waiter", "and further back"]
    parts = [
        svg.text(
            16 + c * (box + _GAP),
            24,
            titles[min(c, 3)],
            size=12,
            fill=svg.MUTED,
            family=svg.SANS,
            style="italic",
        )
        for c in range(columns)
    ]
    for session in sessions:
        x, y = places[session["name"]]
        for holder in session["waits_for"]:
            if holder in places:
                hx, hy = places[holder]
                parts.append(_arrow(x, y + _HIGH / 2, hx + box, hy + _HIGH / 2))
    for session in sessions:
        parts.append(_box(session, *places[session["name"]], box))
    height = 38 + max(filled, default=0) * (_HIGH + _SPACE)
    return svg.document(parts, width, height, lock_queue_text(sessions).replace("\n", "; "))


def _box(session: Mapping[str, Any], x: float, y: float, width: float) -> str:
    waits = bool(session["waits_for"])
    frame = svg.rect(
        x,
        y,
        width,
        _HIGH,
        fill="#fff7e0" if waits else "#fdeceb",
        stroke=svg.DOUBT if waits else svg.BAD,
        stroke_width=1.2 if waits else 2.5,
        dash="5 3" if waits else "",
    )
    name = svg.text(x + 12, y + 22, f"Session {session['name']}", size=13.5, weight="bold", family=svg.SANS)
    state = svg.text(x + 12, y + 39, session["state"], size=11.5, fill=svg.MUTED, family=svg.SANS)
    lines = [
        svg.text(x + 12, y + 58 + 14 * i, words, size=11)
        for i, words in enumerate(wrap(session["statement"], svg.columns_in(width - 20, 11), max_lines=2))
    ]
    foot = f"wants {session['wants']}" if session["wants"] else "" if waits else "the root of the queue"
    colour = svg.DOUBT if waits else svg.BAD
    foot = shorten(foot, int((width - 20) / 7))
    last = svg.text(x + 12, y + _HIGH - 10, foot, size=11, fill=colour, weight="bold", family=svg.SANS)
    return svg.group([frame, name, state, *lines, last], f"{session['name']}: {session['statement']}")


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """From the waiter's left edge to the holder's right edge."""
    bend = (x1 + x2) / 2
    path = f"M {x1:g} {y1:g} C {bend:g} {y1:g} {bend:g} {y2:g} {x2 + 9:g} {y2:g}"
    line = f'<path d="{path}" fill="none" stroke="{svg.DOUBT}" stroke-width="2"/>'
    head = f'<path d="M {x2 + 11:g} {y2 - 5:g} L {x2 + 2:g} {y2:g} L {x2 + 11:g} {y2 + 5:g} z" fill="{svg.DOUBT}"/>'
    return svg.group([line, head], "waits for")


def lock_queue_text(sessions: Queue) -> str:
    """The same, one line a session."""
    lines = []
    for session in sessions:
        who = " and ".join(session["waits_for"])
        what = f"waits for {who}, wants {session['wants']}" if who else session["state"]
        lines.append(f"{session['name']}: {what}  ({session['statement']})")
    return "\n".join(lines)


def depths(sessions: Queue) -> dict[str, int]:
    """How many sessions stand before each in the longest chain; a circle counts once round."""
    waits = {s["name"]: [h for h in s["waits_for"]] for s in sessions}

    def depth(name: str, seen: frozenset[str]) -> int:
        ahead = [h for h in waits.get(name, ()) if h in waits and h not in seen]
        return max((1 + depth(h, seen | {h}) for h in ahead), default=0)

    return {name: depth(name, frozenset({name})) for name in waits}
