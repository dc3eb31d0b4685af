"""The proxy itself: listeners, one thread that moves bytes, and what a judge may do to a Redis server."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from grader.instruments.clock import VirtualClock
from grader.instruments.resp.connection import Connection
from grader.instruments.resp.expiry import Expiry
from grader.instruments.resp.protocol import ProtocolError
from grader.instruments.resp.sending import CHUNK
from grader.instruments.resp.upstream import Upstream
from grader.instruments.steps import Journal, Step


class RespProxy:
    """Stands between callers and one Redis-protocol server. See the package's docstring for its use.

    upstream: redis:// or unix:// URL; folder: an existing folder for sockets, its path short (108 bytes a socket);
    journal: shared with other instruments, own if omitted; clock: makes TTLs and blocking timeouts virtual;
    push_steps: count and hold the delivery of published messages too; latency: virtual seconds each step takes.
    """

    lane = "Redis"

    def __init__(
        self,
        upstream: str,
        folder: Path | str,
        *,
        journal: Journal | None = None,
        clock: VirtualClock | None = None,
        push_steps: bool = False,
        latency: float = 0.0,
    ) -> None:
        self.journal = journal or Journal()
        self.push_steps, self.latency = push_steps, latency
        self.error = "LOADING injected: the server is loading its data"
        self.counts: Counter[str] = Counter()  # command name -> how often it was sent on
        self.upstream = Upstream(upstream)
        self._clock = clock
        self.expiry = Expiry(clock.ms) if clock else None
        self._told = self.now()  # virtual seconds when the clock moved last
        self._folder = Path(folder)
        self._listeners: dict[str, socket.socket] = {}
        self._connections: set[Connection] = set()
        self._closing: list[Connection] = []
        self._made = 0
        self._down = False
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._bell, self._rung = socket.socketpair()
        self._bell.setblocking(False)
        self._rung.setblocking(False)
        self._selector.register(self._rung, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="redis proxy", daemon=True)
        self._thread.start()
        if clock:
            clock.watch(self._clock_moved)

    # for the judge

    def url(self, caller: str = "app") -> str:
        """The unix:// URL this caller connects to; every caller has a socket of its own."""
        with self.journal.changed:
            if caller not in self._listeners:
                self._listeners[caller] = self._listen(caller)
                self.wake()
        return f"unix://{quote(self._path(caller))}"

    def down(self) -> None:
        """The server is gone: open connections break, new ones are refused."""
        with self.journal.changed:
            self._down = True
            for connection in list(self._connections):
                connection.close()
            for caller in self._listeners:
                Path(self._path(caller)).unlink(missing_ok=True)
            self.journal.note("Redis", "goes down", state="crash")
            self.wake()

    def up(self) -> None:
        """The server is back, with its data."""
        with self.journal.changed:
            if self._down:
                self._down = False
                for caller, old in list(self._listeners.items()):
                    self._unregister(old)
                    old.close()
                    self._listeners[caller] = self._listen(caller)
                self.journal.note("Redis", "is back")
                self.wake()

    def cut_connections(self, caller: str | None = None) -> None:
        """Breaks the open connections (of `caller`) now."""
        with self.journal.changed:
            for connection in list(self._connections):
                if caller in (None, connection.caller):
                    connection.close()
            self.wake()

    def connections(self, caller: str | None = None) -> int:
        """How many connections are open: what an answer leaks stays counted here."""
        with self.journal.changed:
            return sum(caller in (None, c.caller) for c in self._connections)

    def steps(self, caller: str | None = None) -> list[Step]:
        with self.journal.changed:
            return [s for s in self.journal.steps if s.lane == "Redis" and caller in (None, s.caller)]

    def expire_due(self) -> list[str]:
        """Deletes the keys and fields whose virtual moment has come; the clock calls it. Returns their names."""
        if self.expiry is None:
            return []
        names = self.upstream.expire(self.expiry.limit(), fields=self.expiry.of_fields)
        for name in names:
            self.journal.note("Redis", f"{name} expires")
        return names

    def ttl(self, key: str | bytes) -> float | None:
        """Seconds `key` has left on the virtual clock (the real one without a clock); None without expiry or key.

        A hash of which each field expires has as long left as the last of them.
        """
        control: Any = self.upstream.control
        moment = control.pexpiretime(key)
        if moment == -1:
            moments = self.upstream.moments(key).values()
            moment = max(moments) if moments and min(moments) >= 0 else -1
        return self._left(moment)

    def ttls_of_fields(self, key: str | bytes) -> dict[bytes, float | None]:
        """As `ttl`, of each field of a hash."""
        return {field: self._left(moment) for field, moment in self.upstream.moments(key).items()}

    def _left(self, moment: int) -> float | None:
        if moment < 0:
            return None
        if self.expiry is None:
            return max(moment / 1000 - time.time(), 0.0)
        return float(moment - self.expiry.limit()) / 1000

    def close(self) -> None:
        """Closes everything; idempotent."""
        with self.journal.changed:
            self._stopping = True
            self.wake()
        self._thread.join()
        self.upstream.control.close()

    def __enter__(self) -> RespProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    # for connections

    def now(self) -> float:
        return self._clock.time() if self._clock else 0.0

    def delay(self) -> None:
        """A slow server: virtual time passes, and with it what depends on it."""
        if self.latency and self._clock:
            self._clock.advance(self.latency)

    def count(self, name: str) -> None:
        self.counts[name] += 1

    def wake(self) -> None:
        """Makes the thread look at its sockets again."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._bell.send(b"!")

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._closing.append(connection)
        self.wake()

    def is_blocked(self, connection: Connection) -> bool:
        """Asks the server whether this client waits in a blocking command."""
        return not connection.closed and self.upstream.is_blocked(connection.server_id)

    # the thread

    def _run(self) -> None:
        while True:
            with self.journal.changed:
                if self._stopping:
                    self._shut()
                    return
                self._register()
            for key, _ in self._selector.select():
                if key.fileobj is self._rung:
                    self._drain_bell()
                elif isinstance(key.data, str):
                    self._accept(key.fileobj, key.data)  # type: ignore[arg-type]
                else:
                    self._serve(key.data, key.fileobj)  # type: ignore[arg-type]

    def _register(self) -> None:
        for connection in self._closing:
            for outbox in (connection.to_client, connection.to_server):
                outbox_flush(outbox)
                self._unregister(outbox.sock)
                outbox.sock.close()
        self._closing.clear()
        for caller, listener in self._listeners.items():
            if self._down:
                self._unregister(listener)
            elif listener not in self._selector.get_map():
                self._selector.register(listener, selectors.EVENT_READ, caller)
        for connection in self._connections:
            for outbox in (connection.to_client, connection.to_server):
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if outbox.data else 0)
                if outbox.sock not in self._selector.get_map():
                    self._selector.register(outbox.sock, events, connection)
                elif self._selector.get_key(outbox.sock).events != events:
                    self._selector.modify(outbox.sock, events, connection)

    def _serve(self, connection: Connection, sock: socket.socket) -> None:
        with self.journal.changed:
            if connection.closed:
                return
            from_client = sock is connection.client
            try:
                (connection.to_client if from_client else connection.to_server).flush()
                data = sock.recv(CHUNK)
                if not data:
                    connection.close(by_client=from_client)
                elif from_client:
                    connection.received(data)
                else:
                    connection.replied(data)
            except BlockingIOError:
                return
            except (OSError, ProtocolError):
                connection.close(by_client=from_client)

    def _accept(self, listener: socket.socket, caller: str) -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with self.journal.changed:
            if self._down:
                client.close()
                return
            try:
                server, server_id = self.upstream.connect()
            except (OSError, ProtocolError):
                client.close()
                return
            client.setblocking(False)
            server.setblocking(False)
            self._made += 1
            self._connections.add(Connection(self, caller, self._made, client, server, server_id))

    def _listen(self, caller: str) -> socket.socket:
        path = self._path(caller)
        Path(path).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        Path(path).chmod(0o666)  # answers may run as another user
        listener.listen(256)
        listener.setblocking(False)
        return listener

    def _path(self, caller: str) -> str:
        word = "".join(c if c.isalnum() else "-" for c in caller)
        return str(self._folder / f"redis-{word}.sock")

    def _unregister(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0 and sock in self._selector.get_map():
            self._selector.unregister(sock)

    def _drain_bell(self) -> None:
        try:
            while self._rung.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _clock_moved(self) -> None:
        if self._stopping:
            return
        self.expire_due()
        now = self.now()
        if self.expiry is not None and self.expiry.of_groups and now > self._told:
            self.upstream.age_pending(round((now - self._told) * 1000))
        self._told = now
        with self.journal.changed:
            due = [c.server_id for c in self._connections if (at := c.give_up_at()) is not None and at <= now]
        for server_id in due:
            self.upstream.time_out(server_id)

    def _shut(self) -> None:
        for connection in list(self._connections):
            connection.close()
        self._register()
        for caller, listener in self._listeners.items():
            listener.close()
            Path(self._path(caller)).unlink(missing_ok=True)
        self._selector.close()
        self._bell.close()
        self._rung.close()


def outbox_flush(outbox: Any) -> None:
    """A last try to send what was promised; a peer that is gone does not matter any more."""
    with contextlib.suppress(OSError):
        outbox.flush()
