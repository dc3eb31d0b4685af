"""Server-side connections of the proxy, and the pool that hands clean ones on.

A connection is kept after its client has left, because a schedule takes a millisecond or two and so does
starting a backend. Before it is handed on, `ROLLBACK` (if need be) and `DISCARD ALL` are run on it: this
ends the transaction, drops temporary tables, prepared statements, cursors, session advisory locks,
LISTEN registrations and every SET. What survives is the process id and its caches, so a client that
connects with the same start-up packet cannot tell it from a new backend. A connection that is in the
middle of something is cancelled and closed instead, and never handed on.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from grader.instruments.pgwire import messages

AUTH, KEY, READY = b"RKZ"
ROLLBACK = messages.query("ROLLBACK")
DISCARD = messages.query("DISCARD ALL")
# DISCARD ALL but for prepared statements, which the client that keeps the connection still counts on.
REFRESH = messages.query(
    "CLOSE ALL; RESET SESSION AUTHORIZATION; RESET ALL; UNLISTEN *; "
    "SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"
)


@dataclass(frozen=True)
class Server:
    """Where the real server listens. host: a socket folder (starts with "/") or a name."""

    host: str
    port: int

    def connect(self) -> socket.socket:
        if self.host.startswith("/"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(f"{self.host}/.s.PGSQL.{self.port}")
        else:
            sock = socket.create_connection((self.host, self.port), timeout=10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        return sock

    def cancel(self, packet: bytes) -> None:
        """Sends a CancelRequest and waits until the server has taken it."""
        with self.connect() as sock:
            sock.settimeout(5)
            sock.sendall(packet)
            try:
                sock.recv(1)  # the server closes once the signal is sent
            except OSError:
                return


@dataclass(eq=False)
class Backend:
    """One connection to the server. startup: the client's start-up packet, the pool's key."""

    server: Server
    sock: socket.socket
    startup: bytes
    pid: int = 0
    secret: bytes = b""
    greeting: bytearray = field(default_factory=bytearray)  # from AuthenticationOk to ReadyForQuery
    buffer: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    status: str = "I"
    awaited: int = 0  # ReadyForQuery messages still to come while it is cleaned
    dying: bool = False

    def clean(self, owed: int = 0) -> None:
        """Begins to bring the session back to its first state; done when `awaited` is 0.

        owed: ReadyForQuery messages already on their way.
        """
        wire = DISCARD if self.status == "I" else ROLLBACK + DISCARD
        self.awaited = owed + (1 if self.status == "I" else 2)
        self.send(wire)

    def greet(self, m: bytes) -> bool:
        """Keeps one message from before the first statement. True if the server is ready now."""
        if m[0] != AUTH or m[5:9] == b"\x00\x00\x00\x00":
            self.greeting += m
        if m[0] == KEY:
            self.pid = messages._int32.unpack_from(m, 5)[0]
            self.secret = m[9:]
        return m[0] == READY

    def send(self, data: bytes) -> None:
        self.unsent += data
        self.flush()

    def flush(self) -> None:
        """Sends as much as the socket takes. Raises OSError if the server is gone."""
        while self.unsent:
            try:
                sent = self.sock.send(self.unsent)
            except BlockingIOError:
                return
            del self.unsent[:sent]

    def cancel(self) -> None:
        if self.secret:
            body = (
                messages._int32.pack(messages.CANCEL_REQUEST) + messages._int32.pack(self.pid) + self.secret
            )
            self.server.cancel(messages._int32.pack(len(body) + 4) + body)

    def close(self) -> None:
        self.sock.close()
