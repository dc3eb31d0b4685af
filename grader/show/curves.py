"""A few lines over one another, drawn and in plain text: how something grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grader.show import svg
from grader.show.words import number

WIDTH, HEIGHT = 860, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 250, 24, 48
_COLOURS = ("#1d5fa6", "#9a4f12", "#2c6e49", "#6a3d9a")
_DASHES = ("", "7 4", "2 3", "9 3 2 3")

Curves = Mapping[str, Sequence[tuple[float, float]]]  # name -> points, x rising


def curves_svg(curves: Curves, x: str, y: str) -> str:
    """Lines told apart by dash and by a name at their end. x, y: what the axes count."""
    xs = [px for points in curves.values() for px, _ in points]
    ys = [py for points in curves.values() for _, py in points]
    most_x, most_y = max(xs, default=1) or 1, max(ys, default=1) or 1
    wide, high = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def at(px: float, py: float) -> tuple[float, float]:
        return round(_LEFT + wide * px / most_x, 1), round(_TOP + high * (1 - py / most_y), 1)

    parts = [
        svg.line(_LEFT, _TOP, _LEFT, _TOP + high),
        svg.line(_LEFT, _TOP + high, _LEFT + wide, _TOP + high),
    ]
    for tick_x, tick_y in ((0, 0), (most_x // 2, most_y // 2), (most_x, most_y)):
        px, py = at(tick_x, tick_y)
        parts.append(svg.text(_LEFT - 8, py + 4, number(tick_y), size=11, fill=svg.MUTED, anchor="end"))
        parts.append(svg.text(px, _TOP + high + 16, number(tick_x), size=11, fill=svg.MUTED, anchor="middle"))
        parts.append(svg.line(_LEFT, py, _LEFT + wide, py, svg.RULE, 0.6))
    parts.append(svg.text(_LEFT, _TOP - 9, y, size=12, fill=svg.MUTED, family=svg.SANS))
    parts.append(
        svg.text(_LEFT + wide, _TOP + high + 36, x, size=12, fill=svg.MUTED, family=svg.SANS, anchor="end")
    )
    for i, (name, points) in enumerate(curves.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        path = " ".join(f"{a:g},{b:g}" for a, b in (at(*p) for p in points))
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.4" '
            f'stroke-dasharray="{_DASHES[i % len(_DASHES)]}"/>'
        )
        end = at(*points[-1]) if points else (_LEFT, _TOP)
        words = f"{name}: {number(points[-1][1])}" if points else name
        parts.append(
            svg.text(end[0] + 8, end[1] + 4, words, size=12, fill=colour, weight="bold", family=svg.SANS)
        )
    return svg.document(parts, WIDTH, HEIGHT, f"{y} over {x}: {', '.join(curves)}")


def curves_text(curves: Curves, x: str, y: str) -> str:
    """The same as columns of numbers."""
    xs = sorted({px for points in curves.values() for px, _ in points})
    lines = [f"{x:>18}  " + "  ".join(f"{name:>24}" for name in curves) + f"   ({y})"]
    for px in xs:
        found = [dict(points).get(px) for points in curves.values()]
        lines.append(
            f"{number(px):>18}  " + "  ".join(f"{'' if v is None else number(v):>24}" for v in found)
        )
    return "\n".join(lines)
