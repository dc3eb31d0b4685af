"""One client's connection: holds what the client asks for, lets it go, and relays what the server answers."""

from __future__ import annotations

import socket
import time
from collections import deque
from typing import TYPE_CHECKING

from grader.instruments.pgwire import begin, messages, replies
from grader.instruments.pgwire.backend import REFRESH, Backend
from grader.instruments.pgwire.cutting import Cutter
from grader.instruments.pgwire.link import Link
from grader.instruments.pgwire.statement import Statement

if TYPE_CHECKING:
    from grader.instruments.pgwire.proxy import PgProxy

CACHED = 1 << 12  # bytes of a statement worth remembering
TERMINATE, SYNC = b"XS"
COPY = b"dcf"  # CopyData, CopyDone, CopyFail
READY, ERROR, COPY_IN = b"ZEG"


class Session(Link):
    """lane: whose listener it came in on; name: the lane, with a letter from its second connection on."""

    def __init__(self, proxy: PgProxy, lane: str, name: str, client: socket.socket) -> None:
        super().__init__(proxy, client)
        self.lane = lane
        self.name = name
        self.queue: deque[Statement] = deque()  # held, oldest first
        self.current: Statement | None = None  # released, its reply not complete
        self.listens = False
        self.rests = False  # only steps of other instruments are known to be polls
        self.elsewhere = ""  # which other instrument's a step is, of those that stand for one
        self._cutter = Cutter(self)
        self._skipping = False  # the server ignores messages up to the next Sync
        self._copying = False
        self._refreshing = False  # the proxy's own housekeeping is under way
        self._discard = False  # the reply under way is not to reach the client

    @property
    def held(self) -> Statement | None:
        """The statement that waits for `release`, if the session waits for that and nothing else."""
        if not self.queue or self.current is not None or self._refreshing:
            return None
        return self.queue[0]

    @property
    def status(self) -> str:
        """ "I" idle, "T" in a transaction, "E" in a failed one."""
        if self._begin.wire:
            return "T"
        return self.backend.status if self.backend else "I"

    @property
    def can_postpone(self) -> bool:
        """Whether the held statement is a plain BEGIN, which cannot fail and has no effect by itself."""
        held = self.held
        return (
            held is not None
            and held.synced
            and not held.more
            and self.status == "I"
            and begin.PLAIN.match(held.sql) is not None
        )

    def postpone(self) -> None:
        """Answers the held BEGIN in the server's name; the server gets it together with the next statement."""
        statement = self.queue.popleft()
        statement.sent_at = time.monotonic()
        self.to_client(self._begin.answer(statement.wire))
        statement.state = "running"
        statement.tags.append("BEGIN")
        self.proxy.note(statement)
        self._finish(statement)

    # -- from the client ------------------------------------------------------------------------------

    def _hear(self, data: bytes) -> None:
        short = len(data) < CACHED and not self._input and not self._copying
        if not short or not self._cutter.take_batch(data):
            self._input += data
            for message in messages.split(self._input):
                if self.phase == "ready":
                    self._accept(message)
        self.offer()

    def _accept(self, m: bytes) -> None:
        kind = m[0]
        if kind == TERMINATE:
            self.close()
        elif kind in COPY or (kind == SYNC and self._copying):
            self._forward(m)
        elif passed := self._cutter.take(m):
            self._forward(passed)

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

    # -- from the server ------------------------------------------------------------------------------

    @property
    def muted(self) -> bool:
        return self._discard or self._refreshing or (self.current is not None and self.current.more)

    def _reply(self, backend: Backend, m: bytes) -> None:
        kind = m[0]
        statement = self.current
        if self._discard and kind == COPY_IN:
            self.to_client(m)  # what it has to say is part of the statement; only what came of it gets lost
        elif statement is not None and statement.more and not self._discard:
            if kind != READY:
                self.to_client(m)
            elif statement.error:
                self._drop_rest()
                self.to_client(m)
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
            if kind == COPY_IN:
                self._copying = True
            elif replies.note(statement, m) and not statement.synced:
                self._skipping = self._skipping or kind == ERROR
                self._finish(statement)

    def _drop_rest(self) -> None:
        """The server runs nothing of a message after a statement that failed."""
        while self.queue:
            statement = self.queue.popleft()
            statement.state = "abandoned"
            if not statement.more:
                return

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
            if self._begin.reply_due:
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
        self._hang_up()
        backend, self.backend = self.backend, None
        if backend is not None:
            busy = (
                self.current is not None
                or self._copying
                or self._skipping
                or self._cutter.unsynced
                or not greeted
            )
            if self.current is not None:
                self.current.state = "abandoned"
                self.current = None
            self.proxy.retire(backend, busy=busy, owed=int(self._refreshing))
