"""Live database sessions by name, for a notebook's `%%session A` and `%%session B` cells.

    room = LiveSessions(url)
    room["A"].execute("BEGIN; UPDATE accounts SET balance = 0 WHERE id = 1")   # Result(tag="UPDATE 1")
    room["B"].execute("UPDATE accounts SET balance = 9 WHERE id = 1")          # Waiting(blockers=(Blocker("A", ...),))
    room["A"].execute("COMMIT")                                                # Result(tag="COMMIT")
    room.finished()                                                            # {"B": Result(tag="UPDATE 1")}

A statement that has to wait returns at once: whether it waits is asked of the server
(`pg_blocking_pids`, over a connection of the room's own), never guessed from elapsed time. A statement that
is merely slow is waited for. Statements go as simple queries, so BEGIN and COMMIT are the reader's own and a
statement outside a transaction commits by itself, as in psql.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer

_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE, pq.ExecStatus.PIPELINE_ABORTED)
_FIRST_LOOK = 0.002  # seconds a statement is given before the server is asked whether it waits

BLOCKERS = """
select b.pid, coalesce(a.query, ''), coalesce(a.state, '')
from unnest(pg_catalog.pg_blocking_pids($1) || pg_catalog.pg_safe_snapshot_blocking_pids($1)) as b(pid)
left join pg_catalog.pg_stat_activity a on a.pid = b.pid
"""


@dataclass(frozen=True)
class Result:
    """What a finished statement gave: rows and tag, or an error with its SQLSTATE."""

    session: str
    statement: str
    tag: str = ""  # the server's command tag: "UPDATE 1"
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    error: str = ""
    sqlstate: str = ""
    notices: tuple[str, ...] = ()
    transaction: str = "idle"  # "idle", "in_transaction", "in_error", "closed", after the statement


@dataclass(frozen=True)
class Blocker:
    """Who holds what is waited for. session: its name in the room, "" for somebody else's session."""

    session: str
    pid: int
    statement: str


@dataclass(frozen=True)
class Waiting:
    """A statement that has not finished. Without blockers it is still running, not waiting for a lock."""

    session: str
    pid: int
    statement: str
    blockers: tuple[Blocker, ...] = ()

    def __str__(self) -> str:
        if not self.blockers:
            return f"{self.session} is still running: {self.statement}"
        who = ", ".join(f"{b.session or 'another session'} (pid {b.pid})" for b in self.blockers)
        return f"{self.session} waits for {who}: {self.statement}"


@dataclass
class LiveSession:
    """One named connection. At most one statement is under way."""

    name: str
    connection: psycopg.Connection[Any]
    room: LiveSessions
    _statement: str = ""
    _results: list[pq.abc.PGresult] = field(default_factory=list)
    _notices: list[str] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.connection.info.backend_pid

    @property
    def waiting(self) -> bool:
        """Whether a statement is under way."""
        return bool(self._statement)

    def execute(self, sql: str, *, patience: float = 60.0) -> Result | Waiting:
        """Sends `sql` (one or more statements); returns its result, or at once a `Waiting` if it is blocked.

        patience: seconds a statement that runs without being blocked is waited for.
        """
        if self._statement:
            raise RuntimeError(
                f"Session {self.name} is still busy with: {self._statement}. Let the session it waits for commit "
                "or roll back first."
            )
        self._statement = " ".join(sql.split())
        try:
            self.connection.pgconn.send_query(sql.encode())
        except psycopg.OperationalError as failure:
            return self._lost(str(failure))
        return self.poll(patience=patience) or self._waiting(())

    def poll(self, *, patience: float = 0.0) -> Result | Waiting | None:
        """The result if there is one by now, `Waiting` if the statement is blocked, None if nothing is under way."""
        if not self._statement:
            return None
        deadline = time.monotonic() + patience
        look = _FIRST_LOOK
        while True:
            if self._arrived(look):
                return self._take()
            if blockers := self.room.blockers(self.pid):
                return self._waiting(blockers)
            if time.monotonic() >= deadline:
                return self._waiting(())
            look = min(look * 2, 0.05)

    def cancel(self) -> None:
        """Asks the server to cancel the statement under way; its result is then an error."""
        self.connection.cancel_safe()

    def close(self) -> None:
        self.connection.close()

    def _arrived(self, seconds: float) -> bool:
        """Waits up to `seconds` for the reply to be complete."""
        pgconn = self.connection.pgconn
        deadline = time.monotonic() + seconds
        while True:
            try:
                pgconn.consume_input()
                while not pgconn.is_busy():
                    result = pgconn.get_result()
                    if result is None:
                        return True
                    self._results.append(result)
            except psycopg.OperationalError:
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            select.select([pgconn.socket], [], [], left)

    def _take(self) -> Result:
        results, self._results = self._results, []
        statement, self._statement = self._statement, ""
        notices, self._notices = tuple(self._notices), []
        if not results:
            self._statement = statement
            return self._lost("the server closed the connection")
        last = results[-1]
        state = _STATES.get(pq.TransactionStatus(self.connection.pgconn.transaction_status), "closed")
        if last.status in _FAILED:
            return Result(
                self.name,
                statement,
                error=last.error_message.decode(errors="replace").strip(),
                sqlstate=(last.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode(),
                notices=notices,
                transaction=state,
            )
        columns = tuple((last.fname(i) or b"?").decode(errors="replace") for i in range(last.nfields))
        rows: tuple[tuple[Any, ...], ...] = ()
        if columns:
            loader = Transformer(self.connection)
            loader.set_pgresult(last)
            rows = tuple(loader.load_rows(0, last.ntuples, tuple))
        tag = (last.command_status or b"").decode()
        return Result(self.name, statement, tag, columns, rows, notices=notices, transaction=state)

    def _lost(self, why: str) -> Result:
        statement, self._statement = self._statement, ""
        return Result(self.name, statement, error=why.strip(), sqlstate="08006", transaction="closed")

    def _waiting(self, blockers: tuple[Blocker, ...]) -> Waiting:
        return Waiting(self.name, self.pid, self._statement, blockers)


_STATES = {
    pq.TransactionStatus.IDLE: "idle",
    pq.TransactionStatus.INTRANS: "in_transaction",
    pq.TransactionStatus.INERROR: "in_error",
}


class LiveSessions:
    """The sessions of one notebook, opened on first use, and one connection that looks at them.

    url: where sessions connect. observer_url: where the looking connection connects, `url` if omitted.
    """

    def __init__(self, url: str, observer_url: str = "") -> None:
        self.url = url
        self._observer_url = observer_url or url
        self._observer: psycopg.Connection[Any] | None = None
        self._sessions: dict[str, LiveSession] = {}

    def __getitem__(self, name: str) -> LiveSession:
        known = self._sessions.get(name)
        if known is None or known.connection.closed:
            connection = psycopg.connect(self.url, autocommit=True, application_name=f"session {name}")
            known = self._sessions[name] = LiveSession(name, connection, self)
            connection.add_notice_handler(lambda n: known._notices.append(n.message_primary or ""))
        return known

    def __iter__(self) -> Iterator[LiveSession]:
        return iter(self._sessions.values())

    def blockers(self, pid: int) -> tuple[Blocker, ...]:
        """Whom the server says backend `pid` waits for now."""
        try:
            found = self._look(pid)
        except psycopg.OperationalError:  # the server was restarted since the last look
            if self._observer is not None:
                self._observer.close()
            found = self._look(pid)
        names = {s.pid: s.name for s in self if not s.connection.closed}
        return tuple(Blocker(names.get(p, ""), p, " ".join(query.split())) for p, query, _ in found)

    def _look(self, pid: int) -> list[tuple[Any, ...]]:
        if self._observer is None or self._observer.closed:
            self._observer = psycopg.connect(self._observer_url, autocommit=True)
        return psycopg.RawCursor(self._observer).execute(BLOCKERS, [pid]).fetchall()

    def finished(self) -> dict[str, Result]:
        """Results of statements that were waiting and have finished since; the others still wait."""
        polled = {s.name: s.poll(patience=5.0) for s in self if s.waiting}
        return {name: got for name, got in polled.items() if isinstance(got, Result)}

    def close(self) -> None:
        """Closes every session; open transactions roll back."""
        for session in self:
            session.close()
        self._sessions.clear()
        if self._observer is not None:
            self._observer.close()
            self._observer = None
