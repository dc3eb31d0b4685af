"""Postgres on the journal: the wire proxy's statements as steps, so faults and holds treat all lanes alike.

    with PostgresSteps(database.url(), bench.scratch(), journal=journal, callers=("A", "B")) as postgres:
        worker.call("pay", Resource("connection", postgres.url("A")), ...)

`PgProxy` is driven by whoever pumps it; here a thread does, so the judge may wait for an answer meanwhile. Statements
nobody else can notice (BEGIN, SET, SAVEPOINT) are sent on and are no steps. An "error" is SQLSTATE 57P01, what clients
see when a server is shut down: the statement has no effect and the connection is gone.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from grader.instruments.explore.observer import Observer
from grader.instruments.explore.statements import is_local
from grader.instruments.explore.timeline import _read, _result, readable
from grader.instruments.pgwire import PgProxy, Session, Statement
from grader.instruments.steps import Action, Journal, Step

RESTART = ("57P01", "terminating connection due to administrator command")


class PostgresSteps:
    """See the module. url: the server as the answer's role sees it; one listener a caller.

    observer_url: the same server as a role that sees every session (the admin); without it `step.waiting()` cannot
    tell a statement that waits for a lock.
    """

    def __init__(
        self,
        url: str,
        folder: Path | str | None = None,
        *,
        journal: Journal | None = None,
        callers: Sequence[str] = ("app",),
        observer_url: str | None = None,
    ) -> None:
        self.journal = journal or Journal()
        self.proxy = PgProxy(url, lanes=callers, folder=folder, gate=self._gate)
        self.proxy.on_finished = self._finished
        self._observer = Observer(observer_url) if observer_url else None
        self._open: dict[Statement, tuple[Step, Session, Action]] = {}
        self._stopping = False
        self._bell, self._rung = socket.socketpair()
        self._bell.setblocking(False)
        self._rung.setblocking(False)
        self.proxy.watch(self._rung.fileno(), lambda mask: self._hush())
        self._thread = threading.Thread(target=self._run, name="postgres proxy", daemon=True)
        self._thread.start()

    def url(self, caller: str = "app", server_url: str | None = None) -> str:
        """The address this caller connects to; server_url: another role or database of the same server."""
        return self.proxy.url(caller, server_url)

    def statements(self, caller: str | None = None) -> list[Statement]:
        """What the server got, BEGIN and SET included, oldest first."""
        with self.journal.changed:
            return [s for s in self.proxy.history if caller in (None, s.lane)]

    def connections(self, caller: str | None = None) -> int:
        """How many connections are open now."""
        with self.journal.changed:
            return sum(caller in (None, s.lane) for s in self.proxy.sessions)

    def cut_connections(self, caller: str | None = None) -> None:
        """Breaks the open connections (of `caller`); the server rolls back what they had not committed."""
        with self.journal.changed:
            self.proxy.cut([s for s in self.proxy.sessions if caller in (None, s.lane)])
            self._ring()

    def settle(self) -> None:
        """Waits until what the dead left behind is rolled back, so that the rows can be looked at."""
        self.journal.wait(lambda: self.proxy.tidy)

    def clear(self) -> None:
        """Forgets the history; connections stay."""
        with self.journal.changed:
            self.proxy.clear()

    def close(self) -> None:
        with self.journal.changed:
            self._stopping = True
            self._ring()
        self._thread.join()
        self.proxy.unwatch(self._rung.fileno())
        self.proxy.close()
        if self._observer is not None:
            self._observer.close()
        self._bell.close()
        self._rung.close()

    def __enter__(self) -> PostgresSteps:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # the thread

    def _run(self) -> None:
        with selectors.DefaultSelector() as waiting:
            # The proxy's own selector is readable when any of its sockets is: wait outside the lock, act inside.
            waiting.register(self.proxy.fileno(), selectors.EVENT_READ)
            while True:
                waiting.select()
                with self.journal.changed:
                    if self._stopping:
                        return
                    before = self.proxy.tidy
                    self.proxy.pump(0)
                    self._bury_abandoned()
                    if self.proxy.tidy != before:
                        self.journal.tell()

    def _hush(self) -> None:
        with suppress(BlockingIOError):
            self._rung.recv(4096)

    def _ring(self) -> None:
        with suppress(BlockingIOError):
            self._bell.send(b"!")

    def _gate(self, session: Session, statement: Statement) -> None:
        if is_local(statement.sql) or statement.prepares:
            session.release()
            return

        def perform(step: Step, action: Action) -> None:
            self._perform(step, session, statement, action)
            self._ring()

        step = Step("Postgres", statement.lane, readable(statement)[:240], self.journal, perform)
        step.look = lambda s: self._waits(session.pid)
        action = self.journal.announce(step)
        self._open[statement] = (step, session, action)
        if action != "hold":
            self._perform(step, session, statement, action)

    def _waits(self, pid: int) -> bool:
        with self.journal.changed:  # one connection, one question at a time
            return self._observer is not None and pid in self._observer.waits([pid])

    def _perform(self, step: Step, session: Session, statement: Statement, action: Action) -> None:
        if session.held is not statement:
            return  # the client is gone
        self._open[statement] = (step, session, action)
        if action in ("cut before", "crash before"):
            if action == "crash before":
                step.finish("crash", "killed here")
                self.journal.crash(step.caller)
            step.finish("cut", "never arrived")
            session.cut()
        elif action in ("error", "error after", "garbage"):
            step.finish("error", f"{RESTART[0]} {RESTART[1]}")
            session.refuse(*RESTART)
        else:
            session.release(lose_reply=action in ("cut after", "crash after"))

    def _finished(self, session: Session, statement: Statement) -> None:
        step, _, action = self._open.pop(statement, (None, None, "go"))
        if step is None:
            return
        step.read = _read(statement)
        result: Any = _result(statement)
        if action == "crash after":
            step.finish("crash", f"{result}, then killed" if result else "done, then killed")
            self.journal.crash(step.caller)
        elif statement.state == "lost":
            step.finish("lost", f"{result}, reply lost" if result else "done, reply lost")
        else:
            step.finish("error" if statement.error else "ok", result)

    def _bury_abandoned(self) -> None:
        for statement, (step, session, _) in list(self._open.items()):
            if session.phase == "closed":
                del self._open[statement]
                step.finish("abandoned", "the caller hung up")
