"""Splits SQL text into statements and says what is wrong with one, in a sentence and a caret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

# What may hold a semicolon that ends nothing, per the lexical rules in the PostgreSQL manual, section 4.1.
_OPAQUE = re.compile(
    r"""
      --[^\n]*                                    # line comment
    | [eE]'(?:[^'\\]|\\.|'')*'                    # escape string
    | '(?:[^']|'')*'                              # string
    | "(?:[^"]|"")*"                              # quoted identifier
    | \$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?(tag)(?P=tag))\$   # dollar quoting
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Statement:
    """One statement and where it starts in the cell (0-based character)."""

    text: str
    offset: int


def split(sql: str) -> list[Statement]:
    """The statements of `sql` in order, without those that are blank or only comments."""
    statements: list[Statement] = []
    start = i = 0
    while i <= len(sql):
        if i == len(sql) or sql[i] == ";":
            _keep(statements, sql[start:i], start)
            start = i = i + 1
            continue
        i = _skip(sql, i)
    return statements


def _skip(sql: str, i: int) -> int:
    """The position after the token or character at `i`."""
    if sql.startswith("/*", i):
        return _after_comment(sql, i)
    glued = i > 0 and (sql[i - 1].isalnum() or sql[i - 1] in "_$")
    if sql[i] in "eE$" and glued:  # `price'...'` and `a$b` are not the start of a quoted string
        return i + 1
    match = _OPAQUE.match(sql, i)
    return match.end() if match else i + 1


def _after_comment(sql: str, i: int) -> int:
    """Block comments nest in PostgreSQL."""
    depth = 0
    while i < len(sql):
        if sql.startswith("/*", i):
            depth, i = depth + 1, i + 2
        elif sql.startswith("*/", i):
            depth, i = depth - 1, i + 2
            if depth == 0:
                return i
        else:
            i += 1
    return i


def _keep(statements: list[Statement], text: str, offset: int) -> None:
    if without_comments(text).strip():
        lead = len(text) - len(text.lstrip())
        statements.append(Statement(text.strip(), offset + lead))


def without_comments(sql: str) -> str:
    """The text with its comments blanked."""
    kept: list[str] = []
    i = 0
    while i < len(sql):
        after = _skip(sql, i)
        if not sql.startswith(("--", "/*"), i):
            kept.append(sql[i:after])
        i = after
    return "".join(kept)


def error_text(error: psycopg.Error, sql: str = "", offset: int = 0, cell: str = "") -> str:
    """One clear sentence, the offending line with a caret, then the server's own hint.

    sql: the statement that failed; cell: the whole cell's text and `offset` the statement's place in it, so that
    line numbers are those the reader sees.
    """
    diag = error.diag
    said = (diag.message_primary or str(error)).strip().splitlines()[0]
    code = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    lines = [f"{_capital(said)}{code}."]
    if diag.statement_position and diag.statement_position.isdigit():
        lines += _caret(cell or sql, offset + int(diag.statement_position) - 1)
    for label, text in (("Detail", diag.message_detail), ("Hint", diag.message_hint)):
        if text:
            lines.append(f"{label}: {text}")
    return "\n".join(lines)


def _caret(text: str, position: int) -> list[str]:
    before = text[:position]
    number = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1)
    line = text.splitlines()[number - 1] if number <= len(text.splitlines()) else ""
    lead = f"  line {number}: "
    return [lead + line, " " * (len(lead) + column) + "^"]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".")
