"""The source format of lessons and labs: jupytext py:percent, read into plain cells.

`# %% [markdown]` prose, `# %%` code, and in a lab `# %% context` (the set-up cell, filled in by the build),
`# %% answer="transfer"` (the solution, with its region marked) and `# %% check="transfer"` (empty).
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Role = Literal["markdown", "code", "context", "answer", "check"]
BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"
KEPT_METADATA = ("tags", "slideshow")


class SourceError(Exception):
    """A source file breaks the format; the message names the file, the cell and the cure."""


@dataclass(frozen=True)
class Cell:
    """One cell of a source file. exercise: the id for roles "answer" and "check", else ""."""

    role: Role
    source: str
    exercise: str = ""
    metadata: dict[str, object] = field(default_factory=dict)


def read_source(path: Path) -> list[Cell]:
    """All cells of a lesson or lab source, in order. Raises SourceError."""
    import jupytext  # type: ignore[import-untyped]

    try:
        notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    except UnicodeDecodeError:
        raise SourceError(f"{path.name} is not UTF-8 text: save it as UTF-8.") from None
    return [_cell(raw, path) for raw in notebook.cells if raw.cell_type != "raw" and _wanted(raw)]


def _wanted(raw: Any) -> bool:
    """Blank cells are separators, apart from the ones whose marker says everything."""
    return bool(raw.source.strip() or {"answer", "check", "title"} & set(raw.metadata))


def _cell(raw: Any, path: Path) -> Cell:
    metadata: dict[str, object] = dict(raw.metadata)
    kept = {k: v for k, v in metadata.items() if k in KEPT_METADATA}
    text = _uncomment(raw.source.rstrip()).rstrip()
    if raw.cell_type == "markdown":
        return Cell("markdown", text, metadata=kept)
    roles: tuple[Role, ...] = ("answer", "check")
    for role in roles:
        if role in metadata:
            exercise = str(metadata[role])
            if not exercise.isidentifier():
                raise SourceError(f'{path.name}: {role}="{exercise}" must be a Python identifier.')
            return Cell(role, text, exercise, kept)
    title = str(metadata.get("title", ""))
    if title == "context":
        return Cell("context", "", metadata=kept)
    if title:
        raise SourceError(
            f'{path.name}: a cell is headed "# %% {title}"; the only word that may stand there is `context`.'
        )
    return Cell("code", text, metadata=kept)


def _uncomment(text: str) -> str:
    """The body of a `%%sql` or another cell magic: jupytext uncomments the magic line only.

    A body that is commented throughout was commented to keep the source valid Python.
    """
    head, newline, body = text.partition("\n")
    if not head.startswith("%%") or not all(
        line.startswith("#") for line in body.splitlines() if line.strip()
    ):
        return text
    return head + newline + re.sub(r"^# ?", "", body, flags=re.MULTILINE)


def is_sql(source: str) -> bool:
    return re.match(r"%%sql\b", source) is not None


def solution_text(source: str) -> str:
    """The answer cell as the solution answers it: the markers gone, everything else kept."""
    return "\n".join(line for line in source.split("\n") if BEGIN not in line and END not in line)


def regions(source: str) -> list[str]:
    """The texts between the markers. Raises SourceError when they do not pair up."""
    found: list[str] = []
    inside: list[str] | None = None
    for line in source.split("\n"):
        if BEGIN in line:
            if inside is not None:
                raise SourceError(f"a second {BEGIN} before {END}")
            inside = []
        elif END in line:
            if inside is None:
                raise SourceError(f"{END} without {BEGIN}")
            found.append("\n".join(inside))
            inside = None
        elif inside is not None:
            inside.append(line)
    if inside is not None:
        raise SourceError(f"{BEGIN} without {END}")
    return found


def stub_text(source: str, kind: str, binds: tuple[str, ...]) -> str:
    """What the learner gets in place of the solution: each region becomes a stub, the rest stays.

    SQL cell: a comment. Python function: raise NotImplementedError(). Value (or SQL in a Python string):
    `name = None`, or `name = ""`, for the names not bound outside the markers.
    Raises SourceError when there is no region or they do not pair up.
    """
    if not regions(source):
        raise SourceError(f"no {BEGIN} ... {END} region")
    stub = _stub_lines(source, kind, binds)
    released: list[str] = []
    inside = False
    for line in source.split("\n"):
        if BEGIN in line:
            inside = True
            indent = line[: len(line) - len(line.lstrip())]
            released += [indent + text for text in stub]
            if kind in ("value", "sql"):
                stub = stub[:1]  # the names are bound once
        elif END in line:
            inside = False
        elif not inside:
            released.append(line)
    return "\n".join(released)


def _stub_lines(source: str, kind: str, binds: tuple[str, ...]) -> list[str]:
    if is_sql(source):
        return ["-- YOUR ANSWER HERE"]
    if kind == "python":
        return ["# YOUR CODE HERE", "raise NotImplementedError()"]
    blank = '""' if kind == "sql" else "None"
    outside = _bound_outside(source)
    return ["# YOUR ANSWER HERE", *(f"{name} = {blank}" for name in binds if name not in outside)]


def _bound_outside(source: str) -> set[str]:
    kept, inside = [], False
    for line in source.split("\n"):
        inside = (inside or BEGIN in line) and END not in line
        if not inside and END not in line:
            kept.append(line)
    try:
        tree = ast.parse("\n".join(kept))
    except SyntaxError:
        return set()
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
