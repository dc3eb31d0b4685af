"""The versions of a row as they lie on their page, drawn and in plain text.

A version is a mapping of texts: place ("0,2"), values ("balance = 70"), maker and ender (who wrote it, who
replaced or deleted it; "" for nobody), made and ended ("committed", "in progress", "aborted"), next (the place
of the version that replaced it, "" for none). readers: who sees which place, {"A": "0,1"}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grader.show import svg

_BOX, _GAP, _TOP = 244.0, 42.0, 30.0
_STATE_MARK = {"committed": "✓", "in progress": "…", "aborted": "✗"}

RowVersion = Mapping[str, str]


def row_versions_svg(versions: Sequence[RowVersion], readers: Mapping[str, str] | None = None) -> str:
    """Boxes from left to right in the order they were written; an arrow leads to the version that follows."""
    readers = readers or {}
    width = max(2 * _BOX + _GAP, len(versions) * (_BOX + _GAP) - _GAP) + 36
    parts: list[str] = []
    left = {v["place"]: 18 + i * (_BOX + _GAP) for i, v in enumerate(versions)}
    most = max((list(readers.values()).count(v["place"]) for v in versions), default=0)
    for version in versions:
        x = left[version["place"]]
        parts.append(_box(version, x))
        if version["next"] in left and version["next"] != version["place"]:
            parts.append(_arrow(x + _BOX, left[version["next"]], _TOP + 52))
        seen_by = [name for name, place in readers.items() if place == version["place"]]
        for number, name in enumerate(seen_by):
            words, y = f"{name} reads this one", _TOP + 128 + 22 * number
            parts.append(svg.tag(x, y, words, svg.QUIET)[0])
    height = _TOP + 118 + 22 * most
    return svg.document(parts, width, height, f"{len(versions)} versions of a row.")


def _box(version: RowVersion, x: float) -> str:
    dead = version["made"] == "aborted" or (bool(version["ender"]) and version["ended"] == "committed")
    unsure = version["made"] == "in progress"
    frame = svg.rect(
        x,
        _TOP,
        _BOX,
        104,
        fill="#f1f2f3" if dead else "#fff7e0" if unsure else "#ffffff",
        stroke=svg.QUIET if dead else svg.DOUBT if unsure else svg.GOOD,
        stroke_width=1.6,
        dash="5 3" if dead or unsure else "",
    )
    ended = _event(version["ender"], version["ended"]) if version["ender"] else "nobody"
    lines = [
        svg.text(x, _TOP - 9, f"ctid ({version['place']})", size=11.5, fill=svg.MUTED),
        svg.text(x + 12, _TOP + 26, version["values"], size=13.5, weight="bold"),
        svg.text(x + 12, _TOP + 54, "xmin  " + _event(version["maker"], version["made"]), size=12),
        svg.text(
            x + 12, _TOP + 74, "xmax  " + ended, size=12, fill=svg.INK if version["ender"] else svg.MUTED
        ),
        svg.text(x + 12, _TOP + 94, _verdict(version), size=11.5, fill=svg.MUTED, style="italic"),
    ]
    return svg.group([frame, *lines])


def _event(who: str, state: str) -> str:
    return f"{who}, {state} {_STATE_MARK.get(state, '')}".rstrip()


def _verdict(version: RowVersion) -> str:
    if version["made"] == "aborted":
        return "never existed for anybody"
    if version["made"] == "in progress":
        return f"only {version['maker']} sees it"
    if not version["ender"] or version["ended"] == "aborted":
        return "the current version"
    if version["ended"] == "in progress":
        return f"current, except for {version['ender']}"
    return "old: for older snapshots only"


def _arrow(x1: float, x2: float, y: float) -> str:
    line = svg.line(x1 + 4, y, x2 - 8, y, svg.MUTED, 1.6)
    head = (
        f'<path d="M {x2 - 12:g} {y - 5:g} L {x2 - 3:g} {y:g} L {x2 - 12:g} {y + 5:g} z" fill="{svg.MUTED}"/>'
    )
    return svg.group([line, head], "replaced by")


def row_versions_text(versions: Sequence[RowVersion], readers: Mapping[str, str] | None = None) -> str:
    """The same, one line a version."""
    lines = []
    for v in versions:
        seen = [name for name, place in (readers or {}).items() if place == v["place"]]
        ended = _event(v["ender"], v["ended"]) if v["ender"] else "nobody"
        lines.append(f"({v['place']})  {v['values']}  xmin: {_event(v['maker'], v['made'])}  xmax: {ended}")
        lines.append(f"       {_verdict(v)}" + (f"; read by {' and '.join(seen)}" if seen else ""))
    return "\n".join(lines)
