"""What the server says about the statement under way, written into it message by message."""

from __future__ import annotations

from collections.abc import Callable

from grader.instruments.pgwire import messages
from grader.instruments.pgwire.statement import ROWS_KEPT, Statement

ROW, COLUMNS, COMPLETE, EMPTY, SUSPENDED, ERROR, NOTICE = b"DTCIsEN"


def note(statement: Statement, m: bytes) -> bool:
    """Writes down one message of its reply. True if the reply ends with it unless a Sync follows."""
    handle = _NOTE.get(m[0])
    return handle is not None and handle(statement, m)


def _columns(statement: Statement, m: bytes) -> bool:
    statement.raw_columns, statement.raw_rows, statement.row_count = m, [], 0
    return False


def _row(statement: Statement, m: bytes) -> bool:
    statement.row_count += 1
    if len(statement.raw_rows) < ROWS_KEPT:
        statement.raw_rows.append(m)
    return False


def _complete(statement: Statement, m: bytes) -> bool:
    statement.tags.append(messages.read_tag(m) if m[0] == COMPLETE else "")
    return True


def _error(statement: Statement, m: bytes) -> bool:
    statement.error = messages.read_error(m)
    return True


def _notice(statement: Statement, m: bytes) -> bool:
    statement.notices.append(messages.read_error(m).get("M", ""))
    return False


_NOTE: dict[int, Callable[[Statement, bytes], bool]] = {
    ROW: _row,
    COLUMNS: _columns,
    COMPLETE: _complete,
    EMPTY: _complete,
    SUSPENDED: _complete,
    ERROR: _error,
    NOTICE: _notice,
}
