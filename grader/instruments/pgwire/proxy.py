"""The proxy: listeners, sessions and one selector loop. Whoever calls `pump` drives it; no threads here."""

from __future__ import annotations

import select
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType

from psycopg.conninfo import conninfo_to_dict

from grader.instruments.pgwire import messages
from grader.instruments.pgwire.backend import Backend, Server
from grader.instruments.pgwire.link import Link
from grader.instruments.pgwire.listeners import Listeners
from grader.instruments.pgwire.pool import Pool
from grader.instruments.pgwire.session import Session
from grader.instruments.pgwire.statement import Statement

MAX_SESSIONS = 40  # open connections of one lane; more are refused as a full server refuses them


def _let_go(session: Session, statement: Statement) -> None:
    session.release()


class PgProxy:
    """Stands between clients and the server at `url`. Each lane has a listener, so a statement has an owner.

    gate(session, statement) is called when a statement may be sent on: it must release it, cut the session,
    or leave it held in `session.held`. finished(session, statement) is called when its reply is complete.
    folder: where the sockets go; a private temporary folder if omitted. mode: permissions of the sockets.
    """

    def __init__(
        self,
        url: str,
        *,
        lanes: Sequence[str] = ("T1",),
        folder: str | Path | None = None,
        mode: int = 0o666,
        gate: Callable[[Session, Statement], None] = _let_go,
    ) -> None:
        given = conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://", 1))
        self.url_parts = given
        self.server = Server(str(given.get("host") or "/tmp"), int(given.get("port") or 5432))
        self.lanes = tuple(lanes)
        self.gate = gate
        self.on_finished: Callable[[Session, Statement], None] = lambda session, statement: None
        self.history: list[Statement] = []  # statements in the order the server got them
        self.sessions: list[Session] = []
        self.opened: dict[str, int] = dict.fromkeys(self.lanes, 0)  # connections a lane has opened
        self.broken: set[str] = set()  # lanes in which the server ended a connection
        self.activity = 0  # counts everything that was read; for callers that wait for quiet
        self._numbers: dict[str, int] = dict.fromkeys(self.lanes, 0)
        self.refreshing: set[Session] = set()
        self._selector = selectors.DefaultSelector()
        self._pool = Pool(self._selector)
        fileno = getattr(self._selector, "fileno", None)
        self._fine: int = fileno() if fileno is not None and fileno() < 1024 else 0
        self._listeners = Listeners(self.lanes, folder, mode)
        self.folder = self._listeners.folder
        for lane, listener in self._listeners.sockets.items():
            self._selector.register(
                listener, selectors.EVENT_READ, lambda mask, lane=lane, at=listener: self._accept(lane, at)
            )

    def url(self, lane: str | None = None, server_url: str | None = None) -> str:
        """The address clients of `lane` connect to. server_url: another role or database of the same server."""
        given = self.url_parts if server_url is None else conninfo_to_dict(server_url)
        return self._listeners.url(lane or self.lanes[0], given)

    # -- the loop -------------------------------------------------------------------------------------

    def pump(self, timeout: float | None = 0.0) -> bool:
        """Handles what is ready, waiting at most `timeout` seconds (None: until something is). True if any was."""
        if timeout is not None and 0 < timeout < 0.005 and self._fine:
            # epoll counts in whole milliseconds; select, on the epoll descriptor itself, in microseconds.
            if not select.select([self._fine], [], [], timeout)[0]:
                return False
            timeout = 0
        ready = self._selector.select(timeout)
        for key, mask in ready:
            if key.fd in self._selector.get_map():  # an earlier handler may have closed it
                key.data(mask)
        self.activity += len(ready)
        return bool(ready)

    def fileno(self) -> int:
        """Readable when `pump` has something to do."""
        return self._selector.fileno()

    def watch(self, fd: int, handler: Callable[[int], None]) -> None:
        """Adds somebody else's file descriptor to the loop."""
        self._selector.register(fd, selectors.EVENT_READ, handler)

    def unwatch(self, fd: int) -> None:
        self._selector.unregister(fd)

    @property
    def tidy(self) -> bool:
        """No backend is still being cleaned, refreshed, or waited out after its client left."""
        return not self._pool.leaving and not self.refreshing

    @property
    def left(self) -> bool:
        """Every backend that a client has left is clean or gone."""
        return not self._pool.leaving

    def leaving(self) -> list[Backend]:
        """Backends that are being cleaned, or cancelled and waited out."""
        return list(self._pool.leaving)

    def settle(self, seconds: float = 5.0) -> bool:
        """Pumps until every backend that a client has left is clean or gone."""
        deadline = time.monotonic() + seconds
        while self._pool.leaving and time.monotonic() < deadline:
            self.pump(0.05)
        return not self._pool.leaving

    def backends(self) -> list[int]:
        """Process ids of every backend the proxy still holds or waits for."""
        held = [s.backend for s in self.sessions if s.backend]
        return [b.pid for b in (*held, *self._pool.kept, *self._pool.leaving) if b.pid]

    def _accept(self, lane: str, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        client.setblocking(False)
        if sum(s.lane == lane for s in self.sessions) >= MAX_SESSIONS:
            client.send(messages.error_response("53300", "sorry, too many clients already"))
            client.close()
            return
        taken = {s.name for s in self.sessions}
        names = [lane, *(lane + _letters(i) for i in range(1, MAX_SESSIONS + 1))]
        session = Session(self, lane, next(n for n in names if n not in taken), client)
        self.opened[lane] += 1
        self.sessions.append(session)
        self._selector.register(client, selectors.EVENT_READ, lambda mask: self._on_client(session, mask))

    def _on_client(self, session: Session, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            session.flush()
        if mask & selectors.EVENT_READ and session.phase != "closed":
            session.on_client()

    # -- what sessions ask of the proxy ---------------------------------------------------------------

    def connect_backend(self, session: Link, startup: bytes) -> None:
        """Gives the session a clean pooled backend, or begins to open one."""
        backend = self._pool.take(startup)
        if backend is not None:
            session.backend, session.phase = backend, "ready"
            self._selector.modify(
                backend.sock, selectors.EVENT_READ, lambda mask: self._on_backend(session, backend, mask)
            )
            session.to_client(bytes(backend.greeting))
            return
        try:
            sock = self.server.connect()
        except OSError as failure:
            session.to_client(messages.error_response("08001", f"the server does not answer: {failure}"))
            session.close()
            return
        backend = Backend(self.server, sock, startup)
        session.backend, session.phase = backend, "greeting"
        self._selector.register(
            sock, selectors.EVENT_READ, lambda mask: self._on_backend(session, backend, mask)
        )
        backend.send(startup)

    def _on_backend(self, session: Link, backend: Backend, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush_backend(backend)
        if mask & selectors.EVENT_READ and session.backend is backend:
            session.on_backend()

    def _flush_backend(self, backend: Backend) -> None:
        try:
            backend.flush()
        except OSError:
            return
        if not backend.unsent:
            self._selector.modify(
                backend.sock, selectors.EVENT_READ, self._selector.get_key(backend.sock).data
            )

    def want_backend_write(self, backend: Backend) -> None:
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        self._selector.modify(backend.sock, both, self._selector.get_key(backend.sock).data)

    def want(self, session: Link, write: bool) -> None:
        """Says whether output waits for the client's socket to take it."""
        if session.phase == "closed" or write == session.wants_write:
            return
        session.wants_write = write
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if write else 0)
        self._selector.modify(session.client, mask, self._selector.get_key(session.client).data)

    def announce(self, session: Session, statement: Statement) -> None:
        self.gate(session, statement)

    def note(self, statement: Statement) -> None:
        self.history.append(statement)

    def finished(self, session: Session, statement: Statement) -> None:
        self.on_finished(session, statement)

    def next_number(self, lane: str) -> int:
        self._numbers[lane] += 1
        return self._numbers[lane]

    def forget_client(self, session: Session) -> None:
        self._selector.unregister(session.client)
        self.sessions.remove(session)

    def forget_backend(self, backend: Backend) -> None:
        self._selector.unregister(backend.sock)
        backend.close()

    def retire(self, backend: Backend, *, busy: bool, owed: int = 0) -> None:
        """Takes a backend whose client has left: see `Pool.retire`."""
        self._pool.retire(backend, busy=busy, owed=owed)

    # -- keeping house --------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forgets the history and starts numbering again; connections stay."""
        self.history = []
        self._numbers = dict.fromkeys(self.lanes, 0)

    def cut(self, sessions: Iterable[Session] | None = None) -> None:
        """Drops connections, all of them if none are named."""
        for session in list(self.sessions if sessions is None else sessions):
            session.close()

    def close(self) -> None:
        """Drops every connection, waits until their backends have gone, removes the sockets."""
        for listener in self._listeners.sockets.values():
            self._selector.unregister(listener)
            listener.close()
        self.cut()
        self.settle()
        self._pool.dismiss()
        self.settle()
        self._selector.close()
        self._listeners.remove()

    def __enter__(self) -> PgProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _letters(i: int) -> str:
    """1 -> "b", 2 -> "c", ... 25 -> "z", then "z1", "z2"."""
    return chr(ord("a") + i) if i < 26 else f"z{i - 25}"
