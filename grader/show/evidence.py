"""Exhibits of a verdict, as HTML and as text: one renderer a kind of `grader.verdict.Evidence`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grader.show import svg
from grader.show.plan import plan_svg, plan_text
from grader.show.timeline import timeline_svg, timeline_text
from grader.show.words import clean, number, paragraph, table_text
from grader.verdict import Evidence

MAX_ROWS = 40  # a longer table is cut, and says so
_LONG = 12  # lines of text from which an exhibit is folded away
_TALL = 1500  # pixels of a picture from which it is folded away
_PRE = (
    "margin:4px 0 0 0; padding:8px 10px; white-space:pre-wrap; overflow-wrap:anywhere; "
    "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace; font-size:12px; line-height:1.4; "
    "border:1px solid #9aa0a6; border-radius:4px; background-color:transparent; color:inherit"
)
_CELL = (
    "padding:3px 10px; text-align:left; vertical-align:top; border:1px solid #9aa0a6; "
    "font-size:12.5px; overflow-wrap:anywhere; background-color:transparent"
)


def evidence_text(exhibit: Evidence, width: int = 92) -> str:
    """The exhibit in plain text, without its title. Data of an unexpected shape is shown as it is, never raised on."""
    try:
        return _text_of(exhibit, width)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        return paragraph(exhibit.data, width)


def evidence_html(exhibit: Evidence) -> str:
    """The exhibit as HTML with its title; pictures bring their text twin, folded away."""
    try:
        return _html_of(exhibit)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        return _titled(exhibit.title, pre(exhibit.data))


def pre(value: Any) -> str:
    return f'<pre style="{_PRE}">{svg.esc(value)}</pre>'


def folded(title: str, body: str) -> str:
    """A <details> block, closed."""
    return (
        f'<details style="margin:6px 0"><summary style="cursor:pointer; font-size:13px">{svg.esc(title)}</summary>'
        f'<div style="margin:4px 0 0 0">{body}</div></details>'
    )


def _titled(title: str, body: str) -> str:
    return (
        f'<div style="margin:8px 0"><div style="font-size:13px; font-weight:bold; margin:0 0 3px 0">'
        f"{svg.esc(title)}</div>{body}</div>"
    )


def _text_of(exhibit: Evidence, width: int) -> str:
    data = exhibit.data
    if exhibit.kind == "table":
        return table_text(data["columns"], data["rows"][:MAX_ROWS], width) + _left_out(data["rows"])
    if exhibit.kind == "counts":
        return "\n".join(f"{clean(label)}: {number(value)}" for label, value in data.items())
    if exhibit.kind == "plan":
        return plan_text(data, width)
    if exhibit.kind == "timeline":
        return timeline_text(data, width)
    return clean(data).rstrip()


def _html_of(exhibit: Evidence) -> str:
    data, title = exhibit.data, exhibit.title
    if exhibit.kind == "table":
        table = _table(data["columns"], data["rows"][:MAX_ROWS]) + svg.esc(_left_out(data["rows"]))
        return folded(title, table) if len(data["rows"]) > _LONG else _titled(title, table)
    if exhibit.kind == "counts":
        return _titled(title, _counts(data))
    if exhibit.kind in ("plan", "timeline"):
        drawn = plan_svg(data) if exhibit.kind == "plan" else timeline_svg(data)
        twin = folded("The same in plain text, nothing shortened", pre(evidence_text(exhibit, 104)))
        picture = svg.image(drawn, f"{title}: a {exhibit.kind}, also in plain text below.") + twin
        tall = svg.height_of(drawn) > _TALL
        return folded(f"{title} (long: open to see it)", picture) if tall else _titled(title, picture)
    text = clean(data).rstrip()
    return folded(title, pre(text)) if text.count("\n") >= _LONG else _titled(title, pre(text))


def _left_out(rows: list[Any]) -> str:
    return f"\n... and {number(len(rows) - MAX_ROWS)} more rows" if len(rows) > MAX_ROWS else ""


def _table(columns: list[Any], rows: list[list[Any]]) -> str:
    def row(cells: list[Any], kind: str, weight: str) -> str:
        inner = "".join(
            f'<{kind} style="{_CELL}; font-weight:{weight}">{svg.esc(number(cell))}</{kind}>'
            for cell in cells
        )
        return f'<tr style="background-color:transparent">{inner}</tr>'

    body = "".join(row(cells, "td", "normal") for cells in rows)
    return (
        '<table style="border-collapse:collapse; margin:2px 0; table-layout:auto">'
        f"<thead>{row(columns, 'th', 'bold')}</thead><tbody>{body}</tbody></table>"
    )


def _counts(data: Mapping[str, Any]) -> str:
    """Labels, figures, and a bar each where the figures can be compared."""
    figures = [v for v in data.values() if isinstance(v, (int, float)) and not isinstance(v, bool)]
    most = max((abs(v) for v in figures), default=0)
    rows = []
    for label, value in data.items():
        long = int(220 * abs(value) / most) if most and isinstance(value, (int, float)) else 0
        bar = (
            f'<span style="display:inline-block; height:9px; width:{max(long, 2)}px; background-color:#5b7ea6"></span>'
            if most and len(figures) > 1
            else ""
        )
        rows.append(
            f'<tr style="background-color:transparent"><td style="{_CELL}">{svg.esc(label)}</td>'
            f'<td style="{_CELL}; text-align:right">{svg.esc(number(value))}</td>'
            + (f'<td style="{_CELL}">{bar}</td>' if bar else "")
            + "</tr>"
        )
    return f'<table style="border-collapse:collapse; margin:2px 0"><tbody>{"".join(rows)}</tbody></table>'
