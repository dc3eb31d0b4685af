"""An SVG picture as a notebook shows it: an image with its meaning in words, for screens, print and readers."""

from __future__ import annotations

from dataclasses import dataclass

from grader.show import svg


@dataclass(frozen=True, repr=False)
class Picture:
    """Displays itself. drawn: an SVG document; says: what it shows, in words; it is all a terminal gets."""

    drawn: str
    says: str

    def __repr__(self) -> str:
        return self.says

    def _repr_html_(self) -> str:
        return svg.image(self.drawn, self.says)


def arrow(x1: float, y1: float, x2: float, y2: float, stroke: str = svg.MUTED, width: float = 1.4) -> str:
    """A straight line with a head at its second end."""
    length = max(((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5, 1)
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    bx, by = x2 - 8 * ux, y2 - 8 * uy
    head = f"{x2:g},{y2:g} {bx - 4 * uy:g},{by + 4 * ux:g} {bx + 4 * uy:g},{by - 4 * ux:g}"
    return svg.line(x1, y1, bx, by, stroke, width) + f'<polygon points="{head}" fill="{stroke}"/>'
