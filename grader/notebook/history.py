"""Finds the source of an answer: the last executed cells that bind an exercise's names.

The judge works from source alone, so what is found here must be plain Python (or the text of an SQL cell)
that means the same outside IPython. Cells are read, never run; a cell that holds magics loses only those lines.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

# Cell magics whose body still runs in the notebook's own namespace.
_TRANSPARENT = ("time", "timeit", "capture", "prun")
_CELL_MAGIC = re.compile(r"\s*%%(?P<magic>\w+)[ \t]*(?P<rest>[^\n]*)\n?(?P<body>.*)", re.DOTALL)


class AnswerMissing(Exception):
    """No executed cell binds a name; the message is one clear sentence."""


@dataclass(frozen=True)
class Cell:
    """One executed cell, reduced to what the judge may run.

    source: Python with magics and calls on the lab blanked out (line numbers kept), or the text of an SQL cell.
    names: what it binds at the top level. broken: it does not parse, so `names` is a guess from its text.
    """

    source: str
    names: frozenset[str] = frozenset()
    sql: bool = False
    broken: bool = False


def find_answer(cells: Sequence[str], names: Sequence[str], labs: Collection[str] = ("lab",)) -> str:
    """The source that binds `names`, from raw cell texts in execution order (newest last).

    labs: names under which the notebook holds a `Lab`; statements that only talk to it are left out.
    Raises AnswerMissing when a name was never bound by an executed cell.
    """
    needed: dict[int, Cell] = {}
    for name in names:
        index, cell = _last_binding(cells, name, labs)
        needed[index] = cell
    chosen = [needed[i] for i in sorted(needed)]
    if len(chosen) == 1:
        return chosen[0].source
    return "\n\n".join(_as_python(cell) for cell in chosen)


def read_cell(raw: str, labs: Collection[str] = ("lab",)) -> Cell:
    """Reduces one raw cell."""
    magic = _CELL_MAGIC.match(raw)
    if magic and magic["magic"] == "sql":
        name = magic["rest"].strip()
        bound = frozenset({name}) if name.isidentifier() else frozenset[str]()
        return Cell(raw.strip() + "\n", bound, sql=True)
    if magic and magic["magic"] in _TRANSPARENT:
        return read_cell("\n" + magic["body"], labs)
    if magic:
        return Cell(raw)
    return _read_python(raw, labs)


def _last_binding(cells: Sequence[str], name: str, labs: Collection[str]) -> tuple[int, Cell]:
    for index in range(len(cells) - 1, -1, -1):
        if name not in cells[index]:  # cheap: most cells never mention the name
            continue
        cell = read_cell(cells[index], labs)
        if name in cell.names or (cell.broken and _looks_bound(cell.source, name)):
            return index, cell
    raise AnswerMissing(
        f"No cell that binds `{name}` has been run in this session: run the answer's cell above, then check again."
    )


def _read_python(raw: str, labs: Collection[str]) -> Cell:
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        source = raw
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        try:
            source = TransformerManager().transform_cell(raw)  # type: ignore[no-untyped-call]
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return Cell(raw, broken=True)
    notebook_only = [s for s in _statements(tree.body) if _is_magic(s) or _talks_to_lab(s, labs)]
    return Cell(_blank(source, notebook_only), frozenset(_bound(tree.body)))


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        for block in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, block, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from _statements(handler.body)


def _is_magic(statement: ast.stmt) -> bool:
    value = getattr(statement, "value", None)
    if not (isinstance(statement, ast.Expr | ast.Assign) and isinstance(value, ast.Call)):
        return False
    target = value.func
    return (
        isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Call)
        and isinstance(target.value.func, ast.Name)
        and target.value.func.id == "get_ipython"
    )


def _talks_to_lab(statement: ast.stmt, labs: Collection[str]) -> bool:
    """`lab.check(...)` and `lab = Lab(...)`: they mean nothing where the judge runs the answer."""
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.Call):
        return False
    called = value.func
    if isinstance(statement, ast.Assign):
        return isinstance(called, ast.Name) and called.id == "Lab"
    return (
        isinstance(statement, ast.Expr)
        and isinstance(called, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and called.value.id in labs
    )


def _blank(source: str, statements: Iterable[ast.stmt]) -> str:
    """Replaces whole statements by `pass`, keeping every other line where it was."""
    lines = source.splitlines(keepends=True)
    for statement in statements:
        first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
        lines[first] = " " * statement.col_offset + "pass\n"
        for i in range(first + 1, last):
            lines[i] = "\n"
    return "".join(lines)


def _bound(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Names bound at the top level, also inside `if`, `try`, `with`, `for` and `while`."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name
            continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield from ((a.asname or a.name).split(".")[0] for a in statement.names)
            continue
        if isinstance(statement, ast.AnnAssign) and statement.value is None:
            continue
        for node in _own_nodes(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
        for block in ("body", "orelse", "finalbody"):
            yield from _bound(getattr(statement, block, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from _bound(handler.body)


def _own_nodes(statement: ast.AST) -> Iterator[ast.AST]:
    """The expressions of a statement, without nested statements and without inner scopes."""
    scopes = (ast.stmt, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, scopes):
            yield child
            yield from _own_nodes(child)


def _looks_bound(source: str, name: str) -> bool:
    n = re.escape(name)
    return bool(
        re.search(rf"^\s*(?:async\s+)?(?:def|class)\s+{n}\b|^\s*{n}\s*(?::[^=\n]+)?=(?!=)", source, re.M)
    )


def _as_python(cell: Cell) -> str:
    if not cell.sql:
        return cell.source
    magic = _CELL_MAGIC.match(cell.source)
    assert magic is not None
    return f"{magic['rest'].strip()} = {magic['body']!r}\n"
