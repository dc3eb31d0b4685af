"""Where other processes reach a `VirtualClock`: a socket that answers, and a face beside it that shows the moment."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

NUMBER = 8  # bytes of each of the two numbers on a face


def face_of(door: str) -> str:
    """The path of the face beside the socket at `door`."""
    return f"{door}.now"


def _packed(moment: int) -> bytes:
    return moment.to_bytes(NUMBER, "little", signed=True)


class Face:
    """Shows the moment in a file beside a door, as two numbers: when the clock began, and now."""

    def __init__(self, door: str, start: int, now: int) -> None:
        self._path = face_of(door)
        # A new file, whatever stands there: an answer may be able to write to this folder.
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.write(self._fd, _packed(start) + _packed(now))
        os.fchmod(self._fd, 0o644)  # answers may run as another user

    def show(self, now: int) -> None:
        os.pwrite(self._fd, _packed(now), NUMBER)

    def close(self) -> None:
        """Whoever has it open still finds nothing on it."""
        os.ftruncate(self._fd, 0)
        os.close(self._fd)
        Path(self._path).unlink(missing_ok=True)


class Door:
    """Accepts askers on a unix socket; a thread each."""

    def __init__(self, path: str, handlers: dict[str, Callable[..., Any]]) -> None:
        self._handlers = handlers
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        Path(path).chmod(0o666)  # answers may run as another user
        self._socket.listen(128)
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, name="virtual clock", daemon=True).start()

    def close(self) -> None:
        # Closing alone does not wake a thread in accept().
        for sock in [self._socket, *self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        Path(self._path).unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            self._open.add(sock)
            threading.Thread(target=self._answer, args=(sock,), name="virtual clock", daemon=True).start()

    def _answer(self, sock: socket.socket) -> None:
        # A worker that died leaves what was written for it unsent, which closing the file would send once more.
        with contextlib.suppress(OSError), sock, sock.makefile("rwb") as file:
            while line := file.readline(4096):
                file.write(json.dumps(self._reply(line)).encode() + b"\n")
                file.flush()
        self._open.discard(sock)

    def _reply(self, line: bytes) -> dict[str, Any]:
        try:
            name, *args = json.loads(line)
            return {"value": self._handlers[name](*args)}
        except (ValueError, TypeError, KeyError) as error:
            return {"error": str(error)}
