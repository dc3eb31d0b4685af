"""Who gets past which guard: attempts against guards, drawn and in plain text. Nothing is told by colour alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from grader.show import svg
from grader.show.words import wrap

WIDTH = 860
_ROW = 30

Admissions = Mapping[str, Mapping[str, bool]]  # attempt -> guard -> let in


def admissions_svg(tried: Admissions, welcome: Collection[str], caption: str = "", width: int = WIDTH) -> str:
    """One row an attempt, one column a guard. welcome: the attempts that ought to be let in."""
    guards = _guards(tried)
    names = 34 + 7.2 * max((len(name) for name in tried), default=0)  # pixels for the attempts' own column
    column = min((width - names - 14) / max(len(guards), 1), 200.0)
    heads = [wrap(guard, max(8, int(column / 7.6)), max_lines=3) for guard in guards]
    tall = max((len(lines) for lines in heads), default=1)
    parts = []
    for number, lines in enumerate(heads):
        for i, words in enumerate(lines):
            x, line = names + (number + 0.5) * column, 24 + 15 * (i + tall - len(lines))
            parts.append(svg.text(x, line, words, size=12, weight="bold", anchor="middle", family=svg.SANS))
    y = 22.0 + 15 * tall
    parts.append(svg.line(12, y - 6, width - 12, y - 6, svg.MUTED, 1.2))
    for name, cells in tried.items():
        wanted = name in welcome
        weight = "bold" if wanted else "normal"
        parts.append(svg.text(18, y + 19, name, size=12.5, weight=weight, family=svg.SANS))
        for number, guard in enumerate(guards):
            parts.append(_cell(names + number * column + 4, y, column - 8, cells[guard], wanted))
        y += _ROW
    if caption:
        parts.append(svg.text(18, y + 16, caption, size=11.5, fill=svg.MUTED, family=svg.SANS))
        y += 20
    return svg.document(
        parts, width, y + 10, f"Grid of {len(tried)} attempts against {len(guards)} guards. {caption}"
    )


def _cell(x: float, y: float, width: float, let_in: bool, wanted: bool) -> str:
    good = let_in == wanted
    said = f"{'✓' if good else '✗'} {'gets in' if let_in else 'refused'}"
    colour = svg.GOOD if good else svg.BAD
    box = svg.rect(
        x,
        y + 2,
        width,
        _ROW - 5,
        fill="#eff7f1" if good else "#fdeceb",
        stroke=colour,
        stroke_width=0.8 if good else 1.8,
        dash="2 3" if good else "",
    )
    words = svg.text(
        x + width / 2,
        y + 19,
        said,
        size=12,
        fill=colour,
        weight="normal" if good else "bold",
        anchor="middle",
        family=svg.SANS,
    )
    return svg.group([box, words])


def admissions_text(tried: Admissions, welcome: Collection[str], caption: str = "") -> str:
    """The same in columns; what ought not to be is in capitals."""
    guards = _guards(tried)
    room = max((len(name) for name in tried), default=0) + 2
    widths = [max(len(guard), 9) + 2 for guard in guards]
    heads = [g.ljust(w) for g, w in zip(guards, widths, strict=True)]
    lines = [(" " * room + "".join(heads)).rstrip()]
    for name, cells in tried.items():
        said = [_said(cells[g], name in welcome).ljust(w) for g, w in zip(guards, widths, strict=True)]
        lines.append((name.ljust(room) + "".join(said)).rstrip())
    return "\n".join([*lines, "", caption] if caption else lines)


def _said(let_in: bool, wanted: bool) -> str:
    words = "gets in" if let_in else "refused"
    return words if let_in == wanted else words.upper()


def _guards(tried: Admissions) -> Sequence[str]:
    return list(next(iter(tried.values()), {}))
