"""Plain text the cards, timelines and plans share: wrapping, shortening, tables, numbers."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from grader.verdict import Outcome

# A word and a symbol for each outcome: neither needs colour, and both survive black-and-white print.
SYMBOLS = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.UNKNOWN: "?", Outcome.SKIP: "–"}

_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]|[\ud800-\udfff]"
)


def clean(value: Any) -> str:
    """Text that is safe to print and legal in XML: control and text-direction characters become U+FFFD."""
    return _CONTROL.sub("\ufffd", str(value).replace("\r\n", "\n"))


def one_line(value: Any) -> str:
    """The text with every run of white space as one space."""
    return " ".join(clean(value).split())


def shorten(value: Any, width: int) -> str:
    """At most `width` characters on one line, cut with an ellipsis."""
    text = one_line(value)
    return text if len(text) <= width else text[: max(width - 1, 0)].rstrip() + "…"


def wrap(value: Any, width: int, max_lines: int = 0) -> list[str]:
    """One-line text wrapped to `width`; with `max_lines` the last line ends in an ellipsis where text is left."""
    lines = textwrap.wrap(one_line(value), max(width, 4), break_on_hyphens=False) or [""]
    if max_lines and len(lines) > max_lines:
        lines = lines[:max_lines]
        lines[-1] = lines[-1][: max(width - 1, 1)].rstrip() + "…"
    return lines


def paragraph(value: Any, width: int, indent: str = "") -> str:
    """Text wrapped to `width` under `indent`, its own line breaks kept."""
    lines = [
        textwrap.fill(line, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
        for line in clean(value).strip().split("\n")
    ]
    return "\n".join(line or "" for line in lines)


def number(value: Any) -> str:
    """A number as people read it: "1,234", "0.25", "6"; anything else as its text, None as NULL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return (
            f"{value:,.0f}"
            if value.is_integer()
            else f"{value:,.3g}"
            if abs(value) < 100
            else f"{value:,.1f}"
        )
    return clean(value)


def count(amount: float, noun: str) -> str:
    """ "1 row", "2,000 rows"."""
    return f"{number(amount)} {noun}{'' if amount == 1 else 's'}"


def factor(times: float) -> str:
    """A factor in words: "3.2 times", "1,500 times"."""
    return f"{times:,.0f} times" if times >= 10 else f"{times:.1f} times"


def table_text(columns: Sequence[Any], rows: Sequence[Sequence[Any]], width: int = 96) -> str:
    """A table in plain text; columns share `width`, cells that do not fit are shortened."""
    cells = [[one_line(c) for c in columns], *([one_line(number(v)) for v in row] for row in rows)]
    count_ = max((len(row) for row in cells), default=0)
    cells = [row + [""] * (count_ - len(row)) for row in cells]
    widths = [max(len(row[i]) for row in cells) for i in range(count_)]
    while sum(widths) + 2 * max(count_ - 1, 0) > width and max(widths, default=0) > 8:
        widths[widths.index(max(widths))] -= 1
    lines = [
        "  ".join(shorten(c, w).ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])
