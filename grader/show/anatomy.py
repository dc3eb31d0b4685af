"""A string taken apart: each part numbered where it stands, and explained beneath. Drawn and in plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.show import svg
from grader.show.timeline import LANE_COLOURS
from grader.show.words import wrap

WIDTH = 860
_SIZE, _LINE, _PITCH = 12.5, 34, 7.6  # font, line height and width of a character, in pixels
_COLUMNS = int((WIDTH - 40) / _PITCH)


@dataclass(frozen=True)
class Part:
    """text: as it stands in the string. name, meaning: what it is; a part without a name is punctuation.
    holds: further lines, in a fixed-width font (what a part decodes to)."""

    text: str
    name: str = ""
    meaning: str = ""
    holds: tuple[str, ...] = ()


def anatomy_svg(parts: Sequence[Part], title: str = "") -> str:
    """The string over as many lines as it needs, then one paragraph a named part."""
    drawn, y = [], 30.0
    if title:
        drawn.append(svg.text(20, y, title, size=14, weight="bold", family=svg.SANS))
        y += 30
    column, number = 0, 0
    for part in parts:
        number += bool(part.name)
        colour = LANE_COLOURS[(number - 1) % len(LANE_COLOURS)] if part.name else svg.MUTED
        first, rest = True, part.text
        while rest:
            if column == _COLUMNS:
                column, y = 0, y + _LINE
            piece, rest = rest[: _COLUMNS - column], rest[_COLUMNS - column :]
            drawn.append(_piece(20 + column * _PITCH, y, piece, colour, number if part.name and first else 0))
            column, first = column + len(piece), False
    y += 44
    number = 0
    for part in parts:
        if part.name:
            number += 1
            words, y = _paragraph(part, number, y)
            drawn += words
    return svg.document(drawn, WIDTH, y, f"{title}: {', '.join(p.name for p in parts if p.name)}")


def _piece(x: float, y: float, text: str, colour: str, number: int) -> str:
    """A stretch of one part on one line; `number` below its beginning, if it is the first."""
    drawn = [
        f'<text x="{x:g}" y="{y:g}" font-family="{svg.esc(svg.MONO)}" font-size="{_SIZE:g}" fill="{colour}" '
        f'textLength="{len(text) * _PITCH:g}" lengthAdjust="spacing" xml:space="preserve">{svg.esc(text)}</text>'
    ]
    if number or colour != svg.MUTED:
        drawn.append(svg.line(x + 1, y + 5, x + len(text) * _PITCH - 1, y + 5, colour, 2))
    if number:
        drawn.append(svg.text(x + 1, y + 17, number, size=11, weight="bold", fill=colour, family=svg.SANS))
    return svg.group(drawn)


def _paragraph(part: Part, number: int, y: float) -> tuple[list[str], float]:
    colour = LANE_COLOURS[(number - 1) % len(LANE_COLOURS)]
    drawn = [
        svg.rect(20, y - 13, 18, 18, fill=colour),
        svg.text(29, y, number, size=12, fill="#ffffff", weight="bold", anchor="middle", family=svg.SANS),
        svg.text(48, y, part.name, size=13, weight="bold", fill=colour, family=svg.SANS),
    ]
    for i, words in enumerate(wrap(part.meaning, 88)):
        drawn.append(svg.text(200, y + 17 * i, words, size=12.5, family=svg.SANS))
    y += 17 * len(wrap(part.meaning, 88))
    for words in part.holds:
        drawn.append(svg.text(200, y, words, size=12))
        y += 16
    return drawn, y + 9


def anatomy_text(parts: Sequence[Part], title: str = "") -> str:
    """The string whole, then its named parts."""
    lines = [*([title, ""] if title else []), *_chunks("".join(p.text for p in parts), 100), ""]
    for number, part in enumerate((p for p in parts if p.name), start=1):
        lines += [f"{number}  {part.name}: {part.meaning}", *("     " + words for words in part.holds)]
    return "\n".join(lines)


def _chunks(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]
