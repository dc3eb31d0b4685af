"""Backends whose client has left: cleaned and kept for the next one, or ended and waited out.

What "clean" means is told in `backend`. Ending is waited for because a backend that is still going may hold locks.
"""

from __future__ import annotations

import selectors
import socket

from grader.instruments.pgwire import messages
from grader.instruments.pgwire.backend import Backend

CHUNK = 1 << 16
ERROR, READY = b"EZ"


class Pool:
    """selector: the proxy's; a backend that is given to `retire` or comes from `take` is registered there.

    leaving: backends that are being cleaned, or cancelled and waited out.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self.leaving: set[Backend] = set()
        self._selector = selector
        self._kept: dict[bytes, list[Backend]] = {}

    @property
    def kept(self) -> list[Backend]:
        """Clean ones that nobody uses."""
        return [backend for backends in self._kept.values() for backend in backends]

    def take(self, startup: bytes) -> Backend | None:
        """A clean backend for a client with this start-up packet, if one is kept."""
        kept = self._kept.get(startup)
        return kept.pop() if kept else None

    def retire(self, backend: Backend, *, busy: bool, owed: int = 0) -> None:
        """Takes a backend whose client has left: cleaned and pooled, or cancelled and closed if `busy`.

        owed: ReadyForQuery messages that are still to come for what was sent before.
        """
        self.leaving.add(backend)
        self._selector.modify(backend.sock, selectors.EVENT_READ, lambda mask: self._on_retired(backend))
        try:
            if not busy and backend.pid:
                backend.clean(owed)
                return
            backend.cancel()
        except OSError:
            self._bury(backend)
            return
        self._dismiss(backend)

    def dismiss(self) -> None:
        """Ends every backend that is kept."""
        for backend in self.kept:
            self._dismiss(backend)
        self._kept.clear()

    def _dismiss(self, backend: Backend) -> None:
        """Ends a backend; it is among `leaving` until it has gone."""
        self.leaving.add(backend)
        backend.dying = True
        self._selector.modify(backend.sock, selectors.EVENT_READ, lambda mask: self._on_retired(backend))
        try:
            backend.send(messages.TERMINATE)
            backend.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._bury(backend)

    def _on_retired(self, backend: Backend) -> None:
        try:
            data = backend.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._bury(backend)
            return
        if backend.dying:
            return
        backend.buffer += data
        for m in messages.split(backend.buffer):
            if m[0] == ERROR:
                self._dismiss(backend)
                return
            elif m[0] == READY:
                backend.awaited -= 1
                backend.status = chr(m[5])
        if backend.awaited <= 0 and not backend.dying:
            self.leaving.discard(backend)
            self._kept.setdefault(backend.startup, []).append(backend)
            self._selector.modify(backend.sock, selectors.EVENT_READ, lambda mask: self._on_kept(backend))

    def _on_kept(self, backend: Backend) -> None:
        """Something arrived from a backend nobody uses: it was terminated, or a late notification came."""
        try:
            data = backend.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._kept[backend.startup].remove(backend)
            self._bury(backend)

    def _bury(self, backend: Backend) -> None:
        self.leaving.discard(backend)
        self._selector.unregister(backend.sock)
        backend.close()
