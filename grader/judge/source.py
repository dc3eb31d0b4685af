"""Reads the text of an answer without running it: is it the untouched stub, what does it bind, which SQL is it."""

from __future__ import annotations

import ast
import re

from grader.checks.exercise import Rejected

SQL_MAGIC = re.compile(r"\A\s*%%sql\b[ \t]*(\w*)[^\n]*\n?")


def parse(source: str) -> ast.Module:
    """The syntax tree. Raises Rejected with the line for anything that is not Python."""
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise Rejected(f"Line {error.lineno} is not valid Python: {error.msg}.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Rejected("The answer cannot be read as Python text.") from error


def bound_names(tree: ast.Module) -> set[str]:
    """Names a module binds at its top level, including inside if/try/with/for blocks."""
    found: set[str] = set()
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.update((a.asname or a.name).split(".")[0] for a in node.names)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if not isinstance(node, ast.Lambda):
            todo.extend(ast.iter_child_nodes(node))
    return found


def is_stub(tree: ast.Module, names: tuple[str, ...]) -> bool:
    """Whether every one of `names` is still the released stub (or nothing but a raise stands there)."""
    meaning = [n for n in tree.body if not _is_docstring(n)]
    if not meaning or all(_raises_not_implemented(n) for n in meaning):
        return True
    stubs = {
        n.name: _is_stub_body(n.body)
        for n in tree.body
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    for node in tree.body:
        if isinstance(node, ast.Assign) and _is_placeholder(node.value):
            stubs.update({t.id: True for t in node.targets if isinstance(t, ast.Name)})
    if any(_raises_not_implemented(n) for n in tree.body):
        return not any(n in bound_names(tree) and not stubs.get(n, False) for n in names)
    return all(stubs.get(name, False) for name in names)


def _is_placeholder(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or node.value is ...)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_stub_body(body: list[ast.stmt]) -> bool:
    rest = [n for n in body if not _is_docstring(n) and not isinstance(n, ast.Pass)]
    return not rest or all(_raises_not_implemented(n) for n in rest)


def _raises_not_implemented(node: ast.AST) -> bool:
    if not isinstance(node, ast.Raise) or node.exc is None:
        return False
    name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(name, ast.Name) and name.id == "NotImplementedError"


def sql_text(source: str, name: str) -> str | None:
    """The SQL an answer gives: a %%sql cell, a bare .sql text, or a string constant bound to `name`.

    None if the source is Python that computes `name`, so that only running it can tell.
    """
    if match := SQL_MAGIC.match(source):
        return source[match.end() :]
    if not re.search(rf"^\s*{re.escape(name)}\s*(:[^=\n]+)?=(?!=)", source, re.MULTILINE):
        return source
    for node in reversed(parse(source).body):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == name for t in targets):
                value = node.value
                if isinstance(value, ast.Constant) and (
                    isinstance(value.value, str) or value.value in (None, ...)
                ):
                    return value.value if isinstance(value.value, str) else ""
                return None
    return None


def is_blank_sql(text: str) -> bool:
    """Whether nothing is left of an SQL text once comments are gone."""
    without = re.sub(r"/\*.*?\*/", " ", re.sub(r"--[^\n]*", " ", text), flags=re.DOTALL)
    return not without.replace(";", " ").strip()
