"""What one client sends, cut into statements: a simple Query, or an Execute with the messages before it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from grader.instruments.pgwire import messages
from grader.instruments.pgwire.statement import Statement
from grader.instruments.statements import split

if TYPE_CHECKING:
    from grader.instruments.pgwire.session import Session

Q, P, B, D, C, E, S, H = b"QPBDCESH"
MOST_STEPS = 50  # of one message; a longer script stays one step
_BEGIN = re.compile(r"(begin|start\s+transaction)\b", re.IGNORECASE)
_END = re.compile(
    r"(commit|end|abort|prepare\s+transaction|rollback(?!\s+(work\s+|transaction\s+)?to\b))\b", re.IGNORECASE
)


class Cutter:
    """Puts what is complete into `session.queue`; sends nothing. unsynced: an Execute was cut without its Sync."""

    def __init__(self, session: Session) -> None:
        self.unsynced = False
        self._session = session
        self._pending = bytearray()  # messages of a batch whose Execute has not come
        self._batch: tuple[str, bytes, tuple[int, ...]] | None = None  # text, Bind message, types
        self._parsed: str | None = None  # text of the last Parse in the batch
        self._prepared: dict[str, tuple[str, tuple[int, ...]]] = {}
        self._portals: dict[str, tuple[str, bytes, tuple[int, ...]]] = {}

    def take_batch(self, data: bytes) -> bool:
        """The short way for one whole statement, when nothing else is pending."""
        if self._pending or self.unsynced or self._batch is not None:
            return False
        batch = messages.read_batch(data)
        if batch is None:
            return False
        if batch.sql is not None:
            self._prepared[batch.name] = (batch.sql, batch.oids)
        sql, oids = self._prepared.get(batch.name, ("", ()))
        self._portals[""] = (sql, batch.bind, oids)
        s = self._session
        number = s.proxy.next_number(s.lane)
        s.queue.append(
            Statement(s.lane, s.name, number, sql, data, True, True, False, s.pid, batch.bind, oids)
        )
        return True

    def take(self, m: bytes) -> bytes:
        """Takes one message. Returns what is to be sent on at once, because it is no part of a statement."""
        return _TAKE.get(m[0], Cutter._call_function)(self, m)

    def _parse(self, m: bytes) -> bytes:
        name, sql, oids = messages.read_parse(m)
        self._prepared[name] = (sql, oids)
        self._extend(m)
        self._parsed = sql
        return b""

    def _bind(self, m: bytes) -> bytes:
        portal, name = messages.read_bind_names(m)
        sql, oids = self._prepared.get(name, ("", ()))
        self._portals[portal] = (sql, m, oids)
        return self._extend(m)

    def _execute(self, m: bytes) -> bytes:
        self._extend(m)
        self._batch = self._portals.get(messages.read_name(m), ("", b"", ()))
        return b""

    def _sync(self, m: bytes) -> bytes:
        self._pending += m
        return self._cut(synced=True)

    def _query(self, m: bytes) -> bytes:
        self._extend(m)
        text = messages.read_query(m)
        parts = steps_of(text, self._session.status == "T") if not self.unsynced else ()
        for part in parts[:-1]:
            self._pending[:] = messages.query(part)
            self._batch = (part, b"", ())
            self._cut(synced=True, more=True)
        if parts:
            self._pending[:] = messages.query(text := parts[-1])
        self._batch = (text, b"", ())
        return self._cut(synced=True)

    def _call_function(self, m: bytes) -> bytes:
        self._extend(m)
        self._batch = ("(function call)", b"", ())
        return self._cut(synced=True)

    def _flush(self, m: bytes) -> bytes:
        if self._batch is not None:
            return self._cut(synced=False)
        passed = bytes(self._pending) + m
        self._pending.clear()
        return passed

    def _extend(self, m: bytes) -> bytes:
        """Adds to the batch; an Execute that was not followed by Sync ends its own batch first."""
        if self._batch is not None:
            self._cut(synced=False)
        self._pending += m
        return b""

    def _cut(self, *, synced: bool, more: bool = False) -> bytes:
        """Makes a statement of the messages gathered. more: another of the same Query follows."""
        sql, bind, oids = self._batch or ("", b"", ())
        wire = bytes(self._pending) + (b"" if synced else messages.FLUSH)
        executes = self._batch is not None or self.unsynced
        prepares = not executes and self._parsed is not None
        if prepares and self._parsed is not None:
            sql = self._parsed
        self._parsed = None
        self._pending.clear()
        if self._batch is None and self.unsynced:
            sql = "(end of pipeline)"
        self.unsynced = not synced
        self._batch = None
        s = self._session
        number = s.proxy.next_number(s.lane) if executes else 0
        s.queue.append(
            Statement(s.lane, s.name, number, sql, wire, synced, executes, prepares, s.pid, bind, oids, more)
        )
        return b""


def steps_of(text: str, in_transaction: bool) -> tuple[str, ...]:
    """The statements of one simple Query that may be sent one by one with the same effect; () if they may not.

    They may inside a transaction block. Outside of one the server runs all of a message in a transaction of its own.
    """
    if ";" not in text:
        return ()
    parts = tuple(part.text.strip() for part in split(text))
    if not 1 < len(parts) <= MOST_STEPS:
        return ()
    for part in parts:
        if not in_transaction and not _BEGIN.match(part):
            return ()
        in_transaction = not _END.match(part)
    return parts


_TAKE: dict[int, Callable[[Cutter, bytes], bytes]] = {
    P: Cutter._parse,
    B: Cutter._bind,
    D: Cutter._extend,
    C: Cutter._extend,
    E: Cutter._execute,
    S: Cutter._sync,
    Q: Cutter._query,
    H: Cutter._flush,
}
