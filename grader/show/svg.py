"""A few SVG pieces. Pictures bring their own light paper, so they read alike in a light and a dark theme."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

from grader.show.words import clean

MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
INK, MUTED, PAPER, RULE = "#1f2328", "#57606a", "#fcfcfa", "#d0d4d9"
GOOD, BAD, DOUBT, QUIET = "#1b7a3d", "#b3261e", "#8a5a00", "#5f6368"


def esc(value: object) -> str:
    """Escaped for HTML and XML text and attribute values."""
    return html.escape(clean(value), quote=True)


def columns_in(pixels: float, size: float = 12) -> int:
    """Characters of a monospace font of `size` pixels that surely fit: its characters are 0.6 em wide."""
    return max(4, int(pixels / (0.61 * size)))


def text(
    x: float,
    y: float,
    value: object,
    *,
    size: float = 12,
    fill: str = INK,
    weight: str = "normal",
    style: str = "normal",
    anchor: str = "start",
    family: str = MONO,
) -> str:
    """One line of real text, baseline at y."""
    return (
        f'<text x="{x:g}" y="{y:g}" font-family="{esc(family)}" font-size="{size:g}" fill="{fill}" '
        f'font-weight="{weight}" font-style="{style}" text-anchor="{anchor}" xml:space="preserve">{esc(value)}</text>'
    )


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str = "none",
    stroke: str = "none",
    stroke_width: float = 1,
    dash: str = "",
    radius: float = 3,
) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" '
        f'fill="{fill}" stroke="{stroke}" stroke-width="{stroke_width:g}"{dashed}/>'
    )


def line(
    x1: float, y1: float, x2: float, y2: float, stroke: str = RULE, width: float = 1, dash: str = ""
) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{stroke}" '
        f'stroke-width="{width:g}"{dashed}/>'
    )


def group(parts: Sequence[str], title: str = "") -> str:
    """Parts that belong together; `title` is what hovering shows and a screen reader reads."""
    named = f"<title>{esc(title)}</title>" if title else ""
    return f"<g>{named}{''.join(parts)}</g>"


def tag(x: float, y: float, words: str, fill: str, size: float = 10.5) -> tuple[str, float]:
    """A filled label with white bold words; (markup, its width). y is the text's baseline."""
    width = len(words) * 0.61 * size + 10
    box = rect(x, y - size - 1, width, size + 6, fill=fill, radius=3)
    return box + text(x + 5, y + 1, words, size=size, fill="#ffffff", weight="bold"), width


def document(parts: Sequence[str], width: float, height: float, label: str) -> str:
    """A whole picture on its paper. `label` names it for a screen reader."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{esc(label)}" '
        f'style="max-width:100%;height:auto">'
        + rect(0.5, 0.5, width - 1, height - 1, fill=PAPER, stroke=RULE, radius=6)
        + "".join(parts)
        + "</svg>"
    )


def height_of(drawn: str) -> float:
    """The height, in pixels, of a picture made by `document`."""
    return float(drawn.partition(' height="')[2].partition('"')[0])


def image(svg: str, alt: str) -> str:
    """The picture as an <img>: sanitizers drop inline <svg> and leave its words behind as soup, not this."""
    data = base64.b64encode(svg.encode()).decode()
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{esc(alt)}" style="max-width:100%;height:auto">'
