"""Pages drawn from real ones: a table's page as bytes, and the way down a B-tree.

Takes anything shaped like `instruments.pages.HeapPage` and `BtreePage`; this package knows no instruments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from grader.show import svg
from grader.show.picture import Picture, arrow
from grader.show.words import number, shorten

_WIDTH, _MARGIN = 900, 20
_POINTERS, _TUPLE, _OTHER, _MARKED = "#d9c58f", "#d5e3f0", "#e8eff6", "#f0b35a"


class _Page(Protocol):
    @property
    def block(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def lower(self) -> int: ...
    @property
    def upper(self) -> int: ...
    @property
    def tuples(self) -> Sequence[Any]: ...


def heap_picture(page: _Page, table: str, marked: int, values: Sequence[tuple[str, object]]) -> Picture:
    """A table's page, to scale; the row behind line pointer `marked` is written out below.

    values: (column, value) pairs of that row.
    """
    scale = (_WIDTH - 2 * _MARGIN) / page.size

    def at(offset: float) -> float:
        return _MARGIN + offset * scale

    top, high = 72, 58
    parts = [
        svg.text(
            _MARGIN,
            26,
            f"{table}, page {page.block}: {number(page.size)} bytes, {len(page.tuples)} rows, {page.upper - page.lower} bytes free",
            size=14,
            weight="bold",
            family=svg.SANS,
        ),
        svg.rect(at(0), top, page.size * scale, high, fill="#ffffff", stroke=svg.MUTED, radius=0),
        svg.rect(at(0), top, 24 * scale, high, fill=svg.MUTED, radius=0),
        svg.rect(at(24), top, (page.lower - 24) * scale, high, fill=_POINTERS, stroke=svg.MUTED, radius=0),
    ]
    for item in page.tuples:
        fill = _MARKED if item.number == marked else (_TUPLE if item.number % 2 else _OTHER)
        parts.append(
            svg.rect(
                at(item.offset),
                top,
                item.length * scale,
                high,
                fill=fill,
                stroke="#8fa8c0",
                radius=0,
                stroke_width=0.7,
            )
        )
    chosen = next(item for item in page.tuples if item.number == marked)
    pointer = at(24 + 4 * (marked - 0.5))
    middle = at(chosen.offset + chosen.length / 2)
    parts += [
        svg.text(at(0), top + high + 18, "header, then line pointers", size=12, family=svg.SANS),
        svg.text(
            at(page.size / 2),
            top + high + 18,
            "rows, filled from the end",
            size=12,
            anchor="middle",
            family=svg.SANS,
        ),
        f'<path d="M {pointer:g} {top} C {pointer:g} {top - 26}, {middle:g} {top - 26}, {middle:g} {top}" '
        f'fill="none" stroke="{svg.BAD}" stroke-width="1.6"/>',
        svg.line(middle, top + high, middle, top + high + 40, _MARKED, 2),
    ]
    parts.append(_row(chosen, values, top + high + 40))
    words = (
        f"Page {page.block} of {table}: {page.size} bytes hold a header, {len(page.tuples)} line pointers of 4 bytes and "
        f"{len(page.tuples)} rows, filled from the end. Row {marked} takes {chosen.length} bytes, {chosen.header} of them its header."
    )
    return Picture(svg.document(parts, _WIDTH, top + high + 116, words), words)


def _row(item: Any, values: Sequence[tuple[str, object]], y: float) -> str:
    said = "   ".join(f"{name} = {'NULL' if value is None else value}" for name, value in values)
    lines = [
        f"row {item.number}: {item.length} bytes, of which {item.header} are its header (which transactions made and ended it)",
        shorten(said, svg.columns_in(_WIDTH - 2 * _MARGIN - 20)),
    ]
    box = svg.rect(_MARGIN, y, _WIDTH - 2 * _MARGIN, 58, fill="#fdf3e2", stroke=_MARKED, radius=4)
    first = svg.text(_MARGIN + 10, y + 23, lines[0], size=12.5, family=svg.SANS)
    return box + first + svg.text(_MARGIN + 10, y + 44, lines[1], size=12)


def descent_picture(path: Sequence[Any], index: str, key: int) -> Picture:
    """The way down a B-tree: one page a level with the entries around the one that is followed."""
    parts = [
        svg.text(_MARGIN, 26, f"{index}: looking for {number(key)}", size=14, weight="bold", family=svg.SANS)
    ]
    y, came = 44.0, 0.0
    for page in path:
        if came:
            parts.append(arrow(came, y - 26, _WIDTH / 2 if page is None else came, y - 2, svg.BAD, 1.8))
        drawn, came = _level(page, y, came)
        parts.append(drawn)
        y += 94
    leaf = path[-1]
    found = leaf.entries[leaf.chosen]
    parts.append(arrow(came, y - 26, came, y - 2, svg.BAD, 1.8))
    last = f"page {number(found.block)} of the table, line pointer {found.row}"
    parts.append(svg.rect(_MARGIN, y, _WIDTH - 2 * _MARGIN, 34, fill="#fdf3e2", stroke=_MARKED, radius=4))
    parts.append(svg.text(_WIDTH / 2, y + 22, last, size=13, anchor="middle", family=svg.SANS))
    steps = [f"level {page.level}: page {page.block} with {len(page.entries)} entries" for page in path]
    words = f"Looking for {key} in {index}: " + "; ".join([*steps, last]) + "."
    return Picture(svg.document(parts, _WIDTH, y + 50, words), words)


def _level(page: Any, y: float, came: float) -> tuple[str, float]:
    kind = "leaf" if page.level == 0 else ("root" if not came else "inner page")
    head = f"level {page.level}, {kind}: page {number(page.block)}, {len(page.entries)} entries"
    shown = _around(page.chosen, len(page.entries))
    width, x = 92.0, 0.0
    left = (_WIDTH - width * len(shown)) / 2
    parts = [svg.text(_MARGIN, y + 14, head, size=12, fill=svg.MUTED, family=svg.SANS)]
    for place, position in enumerate(shown):
        at = left + place * width
        if position is None:
            parts.append(svg.text(at + width / 2, y + 46, "...", size=14, anchor="middle"))
            continue
        entry, chosen = page.entries[position], position == page.chosen
        label = "(lowest)" if entry.key is None else number(entry.key)
        parts.append(
            svg.rect(
                at + 2,
                y + 24,
                width - 4,
                38,
                fill=_MARKED if chosen else _OTHER,
                stroke=svg.MUTED,
                stroke_width=2 if chosen else 1,
            )
        )
        parts.append(
            svg.text(
                at + width / 2,
                y + 48,
                label,
                size=12.5,
                anchor="middle",
                weight="bold" if chosen else "normal",
            )
        )
        if chosen:
            x = at + width / 2
    return "".join(parts), x


def _around(chosen: int, total: int) -> list[int | None]:
    """At most nine places: the first, those around the chosen one, the last, and gaps where some are left out."""
    wanted = sorted({0, total - 1, *range(max(0, chosen - 1), min(total, chosen + 2)), *range(min(total, 2))})
    shown: list[int | None] = []
    for position in wanted:
        if shown and shown[-1] is not None and position > shown[-1] + 1:
            shown.append(None)
        shown.append(position)
    return shown
