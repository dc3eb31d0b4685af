"""The bytes of one client's connection, both ways: start-up, passwords, unsent output. Knows no statements."""

from __future__ import annotations

import contextlib
import socket
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from grader.instruments.pgwire import messages
from grader.instruments.pgwire.backend import Backend
from grader.instruments.pgwire.begin import EarlyBegin

if TYPE_CHECKING:
    from grader.instruments.pgwire.proxy import PgProxy

CHUNK = 1 << 16


class Link(ABC):
    """A client's socket and the backend it was given. phase: "startup", "greeting", "ready", then "closed"."""

    def __init__(self, proxy: PgProxy, client: socket.socket) -> None:
        self.proxy = proxy
        self.client = client
        self.backend: Backend | None = None
        self.phase = "startup"
        self.wants_write = False
        self._input = bytearray()
        self._output = bytearray()
        self._begin = EarlyBegin()

    @property
    def pid(self) -> int:
        return self.backend.pid if self.backend else 0

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
        if self.phase == "ready":
            self._hear(data)
            return
        self._input += data
        while self.phase == "startup" and self._start():
            pass
        if self.phase == "greeting":
            assert self.backend is not None
            self.backend.send(bytes(self._input))  # passwords
            self._input.clear()
        elif self.phase == "ready":
            data = bytes(self._input)
            self._input.clear()
            self._hear(data)

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

    # -- to and from the server -----------------------------------------------------------------------

    def _forward(self, data: bytes) -> None:
        if self.backend is None:
            return
        if self._begin.wire:
            data = self._begin.before(data)
        try:
            self.backend.send(data)
        except OSError:
            self.on_backend()
            return
        if self.backend is not None and self.backend.unsent:
            self.proxy.want_backend_write(self.backend)

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
        if self._begin.reply_due:
            if not self._begin.take_reply(backend.buffer):
                return
            backend.status = "T"
            data = bytes(backend.buffer)
        if data and not self.muted:
            self.to_client(data)
        for m in messages.split(backend.buffer):
            if self.phase == "greeting":
                if backend.greet(m):
                    self.phase = "ready"
            else:
                self._reply(backend, m)
            if self.backend is None:
                return

    # -- to the client --------------------------------------------------------------------------------

    def to_client(self, data: bytes) -> None:
        self._output += data
        self.flush()

    def flush(self) -> None:
        """Sends what the client's socket takes; the rest goes when it takes more."""
        while self._output and self.phase != "closed":
            try:
                sent = self.client.send(self._output)
            except BlockingIOError:
                break
            except OSError:
                self.close()
                return
            del self._output[:sent]
        self.proxy.want(self, bool(self._output))

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self.client.shutdown(socket.SHUT_RDWR)  # reaches the client even if a fork holds a copy of it
        self.client.close()

    # -- what the session does with them --------------------------------------------------------------

    @property
    @abstractmethod
    def muted(self) -> bool:
        """Whether what the server says is not for the client."""

    @abstractmethod
    def _hear(self, data: bytes) -> None:
        """The client, once it is ready, sent `data`."""

    @abstractmethod
    def _reply(self, backend: Backend, m: bytes) -> None:
        """The server sent one message."""

    @abstractmethod
    def _backend_gone(self) -> None:
        """The server closed the connection."""

    @abstractmethod
    def close(self) -> None:
        """Ends the session for the client."""
