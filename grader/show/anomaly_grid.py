"""What can happen at which isolation level: a grid, drawn and in plain text. Nothing is told by colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grader.show import svg
from grader.show.words import wrap

WIDTH = 860
_HEAD, _ROW, _NAMES = 58, 50, 424
_WORDS = {"allowed": "happens", "prevented": "prevented"}

Grid = Mapping[str, Mapping[str, str]]  # anomaly -> level -> "allowed" or "prevented"


def anomaly_grid_svg(
    grid: Grid, titles: Mapping[str, str], meanings: Mapping[str, str], caption: str = "", width: int = WIDTH
) -> str:
    """One row an anomaly, one column a level.

    titles: the anomaly's name in words; meanings: a sentence on it; caption: a line beneath.
    """
    levels = _levels(grid)
    column = (width - _NAMES - 20) / max(len(levels), 1)
    parts = []
    for number, level in enumerate(levels):
        x = _NAMES + number * column + column / 2
        parts.append(svg.text(x, 34, level.title(), size=13, weight="bold", anchor="middle", family=svg.SANS))
    parts.append(svg.line(12, 46, width - 12, 46, svg.MUTED, 1.2))
    y = float(_HEAD)
    for name, cells in grid.items():
        parts.append(svg.text(18, y + 13, name, size=12.5, weight="bold"))
        parts.append(svg.text(104, y + 13, titles.get(name, ""), size=13, weight="bold", family=svg.SANS))
        for number, words in enumerate(wrap(meanings.get(name, ""), 54, max_lines=2)):
            parts.append(
                svg.text(104, y + 27 + 12 * number, words, size=10.5, fill=svg.MUTED, family=svg.SANS)
            )
        for number, level in enumerate(levels):
            parts.append(_cell(_NAMES + number * column + 5, y, column - 10, cells[level]))
        y += _ROW
    if caption:
        parts.append(svg.text(18, y + 18, caption, size=11.5, fill=svg.MUTED, family=svg.SANS))
        y += 22
    label = f"Grid of {len(grid)} anomalies against {', '.join(levels)}."
    return svg.document(parts, width, y + 10, label)


def _cell(x: float, y: float, width: float, state: str) -> str:
    bad = state == "allowed"
    mark, words = ("✗", "happens") if bad else ("✓", "prevented")
    colour = svg.BAD if bad else svg.GOOD
    box = svg.rect(
        x,
        y,
        width,
        _ROW - 14,
        fill="#fdeceb" if bad else "#eff7f1",
        stroke=colour,
        stroke_width=1.8 if bad else 0.8,
        dash="" if bad else "2 3",
    )
    said = svg.text(
        x + width / 2,
        y + 23,
        f"{mark} {words}",
        size=12.5,
        fill=colour,
        weight="bold" if bad else "normal",
        anchor="middle",
        family=svg.SANS,
    )
    return svg.group([box, said], _WORDS.get(state, state))


def anomaly_grid_text(grid: Grid, titles: Mapping[str, str]) -> str:
    """The same in columns."""
    levels = _levels(grid)
    room = max((len(titles.get(name, "")) for name in grid), default=0) + 13
    lines = [" " * room + "  ".join(level.ljust(16) for level in levels).rstrip()]
    for name, cells in grid.items():
        head = f"{name.ljust(10)}{titles.get(name, '')}".ljust(room)
        lines.append((head + "  ".join(_WORDS.get(cells[level], "?").ljust(16) for level in levels)).rstrip())
    return "\n".join(lines)


def _levels(grid: Grid) -> Sequence[str]:
    return list(next(iter(grid.values()), {}))
