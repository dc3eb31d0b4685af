"""Plots of lessons as SVG pictures: the same bytes for the same numbers, on any machine."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from grader.show import svg
from grader.show.picture import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INKS = ("#1d5fa6", "#b3541e", "#2c6e49", "#6a3d9a")  # told apart by their lightness too; use markers as well
MARKERS = ("o", "s", "^", "D")
_STYLE: Any = {
    "svg.hashsalt": "backend-mentor",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": svg.MUTED,
    "axes.grid": True,
    "grid.color": "#e4e6e8",
    "axes.axisbelow": True,
    "figure.facecolor": svg.PAPER,
    "axes.facecolor": svg.PAPER,
    "legend.frameon": False,
}


def figure(width: float = 9.0, height: float = 3.8, columns: int = 1, **more: Any) -> tuple[Figure, Any]:
    """A figure in the lessons' style, without pyplot's global state; (figure, axes), sizes in inches."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        drawn = Figure(figsize=(width, height), layout="constrained")
        axes = drawn.subplots(1, columns, **more)
    return drawn, axes


def plot(drawn: Figure, says: str) -> Picture:
    """The figure as a picture. says: what it shows, in words."""
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context(_STYLE):
        drawn.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(text.getvalue(), says)
