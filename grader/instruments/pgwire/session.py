"""One client's connection: cuts what the client sends into statements and relays what the server answers."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from grader.instruments.pgwire import messages
from grader.instruments.pgwire.backend import REFRESH, Backend
from grader.instruments.pgwire.statement import ROWS_KEPT, Statement

if TYPE_CHECKING:
    from grader.instruments.pgwire.proxy import PgProxy

CHUNK = 1 << 16
CACHED = 1 << 12  # bytes of a statement worth remembering
BACKLOG = 1 << 20  # bytes waiting for a slow client before the server is no longer read
Q, P, B, D, C, E, S, H, X = b"QPBDCESHX"
COPY_DATA, COPY_DONE, COPY_FAIL = b"dcf"
BEGIN = re.compile(
    r"BEGIN( ISOLATION LEVEL (SERIALIZABLE|REPEATABLE READ|READ COMMITTED|READ UNCOMMITTED))?"
    r"( READ (ONLY|WRITE))?( (NOT )?DEFERRABLE)?$"
)
BEGUN = b"C\x00\x00\x00\x0aBEGIN\x00Z\x00\x00\x00\x05T"  # CommandComplete and ReadyForQuery
REPLIES = {P: b"1\x00\x00\x00\x04", B: b"2\x00\x00\x00\x04", D: b"n\x00\x00\x00\x04"}
READY, ROW, COLUMNS, COMPLETE, EMPTY, SUSPENDED, ERROR, NOTICE, COPY_IN, AUTH, KEY = b"ZDTCIsENGRK"


class Session:
    """lane: whose listener it came in on; name: the lane, with a letter from its second connection on."""

    def __init__(self, proxy: PgProxy, lane: str, name: str, client: socket.socket) -> None:
        self.proxy = proxy
        self.lane = lane
        self.name = name
        self.client = client
        self.backend: Backend | None = None
        self.phase = "startup"  # then "greeting", "ready", "closed"
        self.queue: deque[Statement] = deque()  # held, oldest first
        self.current: Statement | None = None  # released, its reply not complete
        self.listens = False
        self.wants_write = False
        self._input = bytearray()
        self._output = bytearray()
        self._pending = bytearray()  # messages of a batch whose Execute has not come
        self._batch: tuple[str, bytes, tuple[int, ...]] | None = None  # text, Bind message, types
        self._parsed: str | None = None  # text of the last Parse in the batch
        self._unsynced = False  # an Execute was released without its Sync
        self._skipping = False  # the server ignores messages up to the next Sync
        self._copying = False
        self._refreshing = False  # the proxy's own housekeeping is under way
        self._discard = False  # the reply under way is not to reach the client
        self._postponed = b""  # a BEGIN the server has not seen yet
        self._swallow = False  # its reply is under way and not for the client
        self._prepared: dict[str, tuple[str, tuple[int, ...]]] = {}
        self._portals: dict[str, tuple[str, bytes, tuple[int, ...]]] = {}

    @property
    def pid(self) -> int:
        return self.backend.pid if self.backend else 0

    @property
    def held(self) -> Statement | None:
        """The statement that waits for `release`, if the session waits for that and nothing else."""
        if not self.queue or self.current is not None or self._refreshing:
            return None
        return self.queue[0]

    @property
    def status(self) -> str:
        """ "I" idle, "T" in a transaction, "E" in a failed one."""
        if self._postponed:
            return "T"
        return self.backend.status if self.backend else "I"

    @property
    def can_postpone(self) -> bool:
        """Whether the held statement is a plain BEGIN, which cannot fail and has no effect by itself."""
        held = self.held
        return held is not None and held.synced and self.status == "I" and BEGIN.match(held.sql) is not None

    def postpone(self) -> None:
        """Answers the held BEGIN in the server's name; the server gets it together with the next statement."""
        statement = self.queue.popleft()
        statement.sent_at = time.monotonic()
        reply = b"".join(REPLIES[k] for k in messages.kinds(statement.wire) if k in REPLIES) + BEGUN
        self._postponed = statement.wire
        self.to_client(reply)
        statement.state = "running"
        statement.tags.append("BEGIN")
        self.proxy.note(statement)
        self._finish(statement)

    # -- from the client ------------------------------------------------------------------------------

    def on_client(self) -> None:
        try:
            data = self.client.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        if self.phase == "ready" and len(data) < CACHED and not self._input and self._take_batch(data):
            self.offer()
            return
        self._input += data
        while self.phase == "startup" and self._start():
            pass
        if self.phase == "greeting":
            assert self.backend is not None
            self.backend.send(bytes(self._input))  # passwords
            self._input.clear()
        elif self.phase == "ready":
            for message in messages.split(self._input):
                if self.phase == "ready":
                    self._accept(message)
            self.offer()

    def _start(self) -> bool:
        """Handles one start-up packet; True if another may follow."""
        if len(self._input) < 8:
            return False
        size = messages._int32.unpack_from(self._input)[0]
        code = messages._int32.unpack_from(self._input, 4)[0]
        if size < 8 or size > 10_000:
            self.close()
            return False
        if len(self._input) < size:
            return False
        packet = bytes(self._input[:size])
        del self._input[:size]
        if code in (messages.SSL_REQUEST, messages.GSSENC_REQUEST):
            self.to_client(b"N")
            return True
        if code == messages.CANCEL_REQUEST:
            self.proxy.server.cancel(packet)
            self.close()
            return False
        self.proxy.connect_backend(self, packet)
        return False

    def _take_batch(self, data: bytes) -> bool:
        """The short way for one whole statement, when nothing else is pending."""
        if self._pending or self._unsynced or self._copying or self._batch is not None:
            return False
        batch = messages.read_batch(data)
        if batch is None:
            return False
        if batch.sql is not None:
            self._prepared[batch.name] = (batch.sql, batch.oids)
        sql, oids = self._prepared.get(batch.name, ("", ()))
        self._portals[""] = (sql, batch.bind, oids)
        number = self.proxy.next_number(self.lane)
        self.queue.append(
            Statement(self.lane, self.name, number, sql, data, True, True, False, self.pid, batch.bind, oids)
        )
        return True

    def _accept(self, m: bytes) -> None:
        _FROM_CLIENT.get(m[0], Session._call_function)(self, m)

    def _parse(self, m: bytes) -> None:
        name, sql, oids = messages.read_parse(m)
        self._prepared[name] = (sql, oids)
        self._extend(m)
        self._parsed = sql

    def _bind(self, m: bytes) -> None:
        portal, name = messages.read_bind_names(m)
        sql, oids = self._prepared.get(name, ("", ()))
        self._portals[portal] = (sql, m, oids)
        self._extend(m)

    def _execute(self, m: bytes) -> None:
        self._extend(m)
        self._batch = self._portals.get(messages.read_name(m), ("", b"", ()))

    def _sync(self, m: bytes) -> None:
        if self._copying:
            self._forward(m)
        else:
            self._pending += m
            self._cut(synced=True)

    def _query(self, m: bytes) -> None:
        self._extend(m)
        self._batch = (messages.read_query(m), b"", ())
        self._cut(synced=True)

    def _call_function(self, m: bytes) -> None:
        self._extend(m)
        self._batch = ("(function call)", b"", ())
        self._cut(synced=True)

    def _flush(self, m: bytes) -> None:
        if self._batch is not None:
            self._cut(synced=False)
        else:
            self._pending += m
            self._forward(bytes(self._pending))
            self._pending.clear()

    def _terminate(self, m: bytes) -> None:
        self.close()

    def _extend(self, m: bytes) -> None:
        """Adds to the batch; an Execute that was not followed by Sync ends its own batch first."""
        if self._batch is not None:
            self._cut(synced=False)
        self._pending += m

    def _cut(self, *, synced: bool) -> None:
        """Makes a statement of the messages gathered."""
        sql, bind, oids = self._batch or ("", b"", ())
        wire = bytes(self._pending) + (b"" if synced else messages.FLUSH)
        executes = self._batch is not None or self._unsynced
        prepares = not executes and self._parsed is not None
        if prepares and self._parsed is not None:
            sql = self._parsed
        self._parsed = None
        self._pending.clear()
        if self._batch is None and self._unsynced:
            sql = "(end of pipeline)"
        self._unsynced = not synced
        self._batch = None
        number = self.proxy.next_number(self.lane) if executes else 0
        self.queue.append(
            Statement(
                self.lane, self.name, number, sql, wire, synced, executes, prepares, self.pid, bind, oids
            )
        )

    def offer(self) -> None:
        """Announces the oldest statement, unless one is under way."""
        while self.queue and self.current is None and self.phase == "ready" and not self._refreshing:
            statement = self.queue[0]
            if statement.state != "held" or statement.announced:
                return
            statement.transaction = self.status
            statement.announced = True
            if self._skipping or not (statement.executes or statement.prepares):
                self.release()
            else:
                self.proxy.announce(self, statement)
                return

    # -- what may be done with the held statement -----------------------------------------------------

    def release(self, *, lose_reply: bool = False) -> None:
        """Sends the held statement to the server. lose_reply: the client is cut off when it has executed."""
        statement = self.queue.popleft()
        statement.state = "running"
        self._discard = lose_reply
        if self._skipping and not statement.synced:
            statement.state = "abandoned"
            self._forward(statement.wire)
            return
        self.current = statement
        statement.sent_at = time.monotonic()
        if statement.executes:
            self.proxy.note(statement)
        self._forward(statement.wire)  # bookkeeping that can wait comes after this, while the server works

    def cut(self) -> None:
        """Drops the connection; the server never sees the held statement."""
        if self.queue:
            statement = self.queue.popleft()
            statement.state = "cut"
            if statement.executes:
                self.proxy.note(statement)
        self.close()

    def refresh(self) -> None:
        """Brings an idle session back to its first state while the client keeps it: settings, temporary
        tables, cursors, session advisory locks. `proxy.tidy` says when that is done."""
        if self.backend is not None and self.phase == "ready":
            self.listens = False
            self._refreshing = True
            self.proxy.refreshing.add(self)
            self._forward(REFRESH)

    def refuse(self, sqlstate: str, message: str) -> None:
        """Answers the held statement with an error of the proxy's own and drops the connection."""
        self.to_client(messages.error_response(sqlstate, message))
        self.cut()

    def _forward(self, data: bytes) -> None:
        if self.backend is None:
            return
        if self._postponed:
            data, self._postponed, self._swallow = self._postponed + data, b"", True
        try:
            self.backend.send(data)
        except OSError:
            self.on_backend()
            return
        if self.backend is not None and self.backend.unsent:
            self.proxy.want_backend_write(self.backend)

    # -- from the server ------------------------------------------------------------------------------

    def on_backend(self) -> None:
        backend = self.backend
        if backend is None:
            return
        try:
            data = backend.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._backend_gone()
            return
        backend.buffer += data
        if self._swallow:
            end = backend.buffer.find(BEGUN)
            if end < 0:
                return
            self._swallow = False
            backend.status = "T"
            del backend.buffer[: end + len(BEGUN)]
            data = bytes(backend.buffer)
        if data and not self._discard and not self._refreshing:
            self.to_client(data)
        for m in messages.split(backend.buffer):
            if self.phase == "greeting":
                self._greet(backend, m)
            else:
                self._reply(backend, m)
            if self.backend is None:
                return

    def _greet(self, backend: Backend, m: bytes) -> None:
        if m[0] != AUTH or m[5:9] == b"\x00\x00\x00\x00":
            backend.greeting += m
        if m[0] == KEY:
            backend.pid = messages._int32.unpack_from(m, 5)[0]
            backend.secret = m[9:]
        elif m[0] == READY:
            self.phase = "ready"

    def _reply(self, backend: Backend, m: bytes) -> None:
        kind = m[0]
        statement = self.current
        if kind == READY:
            backend.status = chr(m[5])
            self._copying = False
            if self._refreshing:
                self._refreshing = False
                self.proxy.refreshing.discard(self)
                self.offer()
                return
            if statement is not None:
                if self._skipping and statement.state == "running":
                    statement.state = "abandoned"
                self._skipping = False
                self._finish(statement)
        elif statement is not None and not self._refreshing:
            handle = _FROM_SERVER.get(kind)
            if handle is not None:
                handle(self, statement, m)

    def _columns(self, statement: Statement, m: bytes) -> None:
        statement.raw_columns, statement.raw_rows, statement.row_count = m, [], 0

    def _row(self, statement: Statement, m: bytes) -> None:
        statement.row_count += 1
        if len(statement.raw_rows) < ROWS_KEPT:
            statement.raw_rows.append(m)

    def _complete(self, statement: Statement, m: bytes) -> None:
        statement.tags.append(messages.read_tag(m) if m[0] == COMPLETE else "")
        if not statement.synced:
            self._finish(statement)

    def _error(self, statement: Statement, m: bytes) -> None:
        statement.error = messages.read_error(m)
        if not statement.synced:
            self._skipping = True
            self._finish(statement)

    def _notice(self, statement: Statement, m: bytes) -> None:
        statement.notices.append(messages.read_error(m).get("M", ""))

    def _copy_in(self, statement: Statement, m: bytes) -> None:
        self._copying = True

    def _finish(self, statement: Statement) -> None:
        self.current = None
        statement.ended_at = time.monotonic()
        statement.transaction_after = self.status
        if statement.state == "running":
            statement.state = "lost" if self._discard else "error" if statement.error else "ok"
        first = statement.sql.lstrip()[:6].upper()
        if first == "LISTEN" and not statement.error:
            self.listens = True
        if statement.executes or statement.prepares:
            # Before the client can notice: it may be killed at this point.
            self.proxy.finished(self, statement)
        if self._discard:
            self.close()
        self.offer()

    def _backend_gone(self) -> None:
        statement, self.current = self.current, None
        backend, self.backend = self.backend, None
        if backend is not None:
            if self._swallow:
                self.to_client(bytes(backend.buffer))
            self.proxy.forget_backend(backend)
        self.proxy.broken.add(self.lane)
        if statement is not None:
            statement.state = "error"
            statement.error = statement.error or {"C": "08006", "M": "the server closed the connection"}
            statement.transaction_after = "I"
        self.close()
        if statement is not None:
            self.proxy.finished(self, statement)

    # -- to the client --------------------------------------------------------------------------------

    def to_client(self, data: bytes) -> None:
        self._output += data
        self.flush()

    def flush(self) -> None:
        """Sends what the client's socket takes; while much is left the server is not read."""
        while self._output and self.phase != "closed":
            try:
                sent = self.client.send(self._output)
            except BlockingIOError:
                break
            except OSError:
                self.close()
                return
            del self._output[:sent]
        self.proxy.want(self, bool(self._output), len(self._output) > BACKLOG)

    def close(self) -> None:
        """Ends the session for the client; the backend is cleaned and kept, or cancelled and closed."""
        if self.phase == "closed":
            return
        greeted = self.phase == "ready"
        self.phase = "closed"
        for statement in self.queue:
            statement.state = "abandoned"
        self.queue.clear()
        self.proxy.forget_client(self)
        self.proxy.refreshing.discard(self)
        with contextlib.suppress(OSError):
            self.client.shutdown(socket.SHUT_RDWR)  # reaches the client even if a fork holds a copy of it
        self.client.close()
        backend, self.backend = self.backend, None
        if backend is not None:
            busy = (
                self.current is not None or self._copying or self._skipping or self._unsynced or not greeted
            )
            if self.current is not None:
                self.current.state = "abandoned"
                self.current = None
            self.proxy.retire(backend, busy=busy, owed=int(self._refreshing))


_FROM_CLIENT: dict[int, Callable[[Session, bytes], None]] = {
    P: Session._parse,
    B: Session._bind,
    D: Session._extend,
    C: Session._extend,
    E: Session._execute,
    S: Session._sync,
    Q: Session._query,
    H: Session._flush,
    X: Session._terminate,
    COPY_DATA: Session._forward,
    COPY_DONE: Session._forward,
    COPY_FAIL: Session._forward,
}
_FROM_SERVER: dict[int, Callable[[Session, Statement, bytes], None]] = {
    ROW: Session._row,
    COLUMNS: Session._columns,
    COMPLETE: Session._complete,
    EMPTY: Session._complete,
    SUSPENDED: Session._complete,
    ERROR: Session._error,
    NOTICE: Session._notice,
    COPY_IN: Session._copy_in,
}
