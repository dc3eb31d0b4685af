"""The two pictures of the tour: what runs where, and how the units connect."""

from __future__ import annotations

from collections.abc import Sequence

from grader.show import svg
from grader.show.picture import Picture, arrow

_YOURS, _JUDGES = "#e6f0fa", "#f3ecdf"


def houses() -> Picture:
    """What runs where: the learner's side and the judge's, and what passes between them."""
    parts = [
        svg.rect(16, 34, 400, 262, fill="#f4f8fc", stroke="#9db8d2", radius=8),
        svg.rect(484, 34, 400, 262, fill="#fbf7ef", stroke="#cbb98f", radius=8),
        svg.text(28, 24, "YOURS: it keeps what you do", size=13, weight="bold", family=svg.SANS),
        svg.text(496, 24, "THE JUDGE'S: new for every check", size=13, weight="bold", family=svg.SANS),
        _box(36, 54, 360, 70, _YOURS, "Notebook", "your code, %%sql, explain(), lab.check()"),
        _box(36, 206, 172, 74, _YOURS, "PostgreSQL", "shop: a million orders"),
        _box(224, 206, 172, 74, _YOURS, "Redis protocol", "Valkey, empty at first"),
        _box(504, 54, 360, 70, _JUDGES, "Judge", "runs your answer in a process of its own"),
        _box(504, 206, 172, 74, _JUDGES, "PostgreSQL", "fresh copies of the shop"),
        _box(692, 206, 172, 74, _JUDGES, "Redis protocol", "empty"),
        arrow(122, 124, 122, 204),
        arrow(310, 124, 310, 204),
        arrow(590, 124, 590, 204),
        arrow(778, 124, 778, 204),
        arrow(396, 76, 502, 76),
        svg.text(450, 69, "source", size=11, anchor="middle", family=svg.SANS),
        arrow(504, 104, 398, 104),
        svg.text(450, 119, "verdict", size=11, anchor="middle", family=svg.SANS),
        svg.text(600, 160, "looks at rows, plans,", size=11.5, fill=svg.MUTED, family=svg.SANS),
        svg.text(600, 175, "pages and statements", size=11.5, fill=svg.MUTED, family=svg.SANS),
    ]  # fmt: skip
    words = (
        "Yours: the notebook, a PostgreSQL with the shop of a million orders, a Redis-protocol server. "
        "The judge's: it gets the source of your answer, runs it in a process of its own against fresh copies, "
        "and returns the verdict."
    )
    return Picture(svg.document(parts, 900, 312, words), words)


def _box(x: float, y: float, width: float, height: float, fill: str, name: str, says: str) -> str:
    middle = x + width / 2
    return svg.group(
        [
            svg.rect(x, y, width, height, fill=fill, stroke=svg.MUTED, radius=6),
            svg.text(middle, y + height / 2 - 4, name, size=14, weight="bold", anchor="middle", family=svg.SANS),
            svg.text(middle, y + height / 2 + 15, says, size=12, anchor="middle", family=svg.SANS),
        ]
    )  # fmt: skip


# Rows from top to bottom; each builds from left to right. A pair below joins two rows that lie one above the other.
_ROWS: Sequence[tuple[str, Sequence[str]]] = (
    ("Data", ("01 data modeling", "02 indexing", "03 data access", "05 migrations")),
    ("Correctness", ("04 transactions", "10 idempotency", "12 jobs and queues", "14 consistency")),
    ("Speed and calm", ("11 caching", "13 resilience", "15 observability")),
    ("Interfaces", ("06 REST APIs", "07 GraphQL", "08 authentication", "09 authorization")),
    ("Craft", ("16 architecture", "17 testing", "18 code review", "19 capstone")),
)
_DOWN = ((0, 0), (1, 0), (1, 1), (3, 0))  # (upper row, column)
_CELL, _LEFT, _BOX = 190, 130, 158


def units_map() -> Picture:
    """The units of the whole course, and which build on which."""
    parts = [svg.text(16, 24, "00 start here: you are here", size=13, weight="bold", family=svg.SANS)]
    for row, (theme, units) in enumerate(_ROWS):
        y = 40 + row * 66
        parts.append(svg.text(16, y + 25, theme, size=12, fill=svg.MUTED, family=svg.SANS))
        for column, unit in enumerate(units):
            x = _LEFT + column * _CELL
            parts.append(svg.rect(x, y, _BOX, 40, fill="#ffffff", stroke=svg.MUTED, radius=6))
            parts.append(svg.text(x + _BOX / 2, y + 25, unit, anchor="middle", size=13, family=svg.SANS))
            if column:
                parts.append(arrow(x - _CELL + _BOX, y + 20, x - 2, y + 20))
    for row, column in _DOWN:
        middle, y = _LEFT + column * _CELL + _BOX / 2, 40 + row * 66
        parts.append(arrow(middle, y + 40, middle, y + 64))
    words = "; ".join(f"{theme}: {', then '.join(units)}" for theme, units in _ROWS)
    return Picture(svg.document(parts, 900, 378, words), words)
