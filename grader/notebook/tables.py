"""A result set as a neat table, in HTML and in plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

SHOWN = 50  # rows; the rest is counted, not shown
_WIDE = 60  # characters a cell

_STYLE = (
    "border-collapse:collapse;font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,monospace;margin:2px 0 4px 0"
)
_CELL = "padding:2px 10px;border-bottom:1px solid rgba(128,128,128,.3);white-space:pre;vertical-align:top"


@dataclass(frozen=True)
class Table:
    """What a statement returned. Displays itself; `rows` are the Python values.

    columns: names; rows: the rows that were fetched; total: how many the server sent; note: a line below.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int
    note: str = ""

    def __repr__(self) -> str:
        return self.text()

    def text(self) -> str:
        cells = [[_text(v) for v in row] for row in self.rows[:SHOWN]]
        right = [_is_number_column(self.rows, i) for i in range(len(self.columns))]
        widths = [
            max([len(name), *(len(row[i]) for row in cells)], default=0)
            for i, name in enumerate(self.columns)
        ]

        def line(values: Sequence[str]) -> str:
            return "  ".join(
                v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True)
            ).rstrip()

        rule = "  ".join("-" * w for w in widths)
        return "\n".join([line(self.columns), rule, *(line(row) for row in cells), self._foot()])

    def _repr_html_(self) -> str:
        right = [_is_number_column(self.rows, i) for i in range(len(self.columns))]
        head = "".join(
            f'<th style="{_CELL};text-align:{"right" if r else "left"};font-weight:600">{escape(c)}</th>'
            for c, r in zip(self.columns, right, strict=True)
        )
        body = "".join(
            "<tr>" + "".join(_html_cell(v, r) for v, r in zip(row, right, strict=True)) + "</tr>"
            for row in self.rows[:SHOWN]
        )
        return (
            f'<table style="{_STYLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
            f'<div style="font:12px sans-serif;opacity:.75">{escape(self._foot())}</div>'
        )

    def _foot(self) -> str:
        count = "1 row" if self.total == 1 else f"{self.total:,} rows"
        hidden = f", the first {SHOWN} shown" if self.total > SHOWN else ""
        return f"({count}{hidden})" + (f"  {self.note}" if self.note else "")


def _text(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).replace("\n", "\\n")
    return text if len(text) <= _WIDE else text[: _WIDE - 3] + "..."


def _html_cell(value: Any, right: bool) -> str:
    style = f"{_CELL};text-align:{'right' if right else 'left'}"
    if value is None:
        return f'<td style="{style};opacity:.55;font-style:italic">NULL</td>'
    return f'<td style="{style}">{escape(_text(value))}</td>'


def _is_number_column(rows: Sequence[Sequence[Any]], index: int) -> bool:
    from decimal import Decimal

    values = [row[index] for row in rows[:SHOWN] if row[index] is not None]
    return bool(values) and all(
        isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in values
    )
