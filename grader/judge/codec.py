"""JSON with exact types: what crosses between the judge and a worker.

Only values of known types are carried; anything else a worker returns arrives as `Opaque`. Decoding builds
nothing but these types, so a hostile worker can send a wrong value but never an object with behaviour.
"""

from __future__ import annotations

import base64
import json
import math
import socket
import struct
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from grader.checks.running import Opaque, Resource

MAX_MESSAGE = 32 * 1024 * 1024  # bytes; a larger reply is refused, not read
MAX_DEPTH = 60
MAX_DIGITS = 3000  # hexadecimal digits of an integer
TEXT_OF_OPAQUE = 500

_HEADER = struct.Struct("!I")


class TooLarge(ValueError):
    """A message is larger or deeper than anything an answer may return."""


def encode(value: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - one line a type reads best
    """The JSON-safe form of `value`; subclasses are reduced to their base type, unknown types to Opaque."""
    if depth > MAX_DEPTH:
        raise TooLarge(f"a value is nested more than {MAX_DEPTH} levels deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < 2**53 else {"$": "int", "v": format(int(value), "x")}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$": "float", "v": repr(float(value))}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list):
        return [encode(v, depth + 1) for v in value]
    if isinstance(value, tuple | set | frozenset):
        kind = "tuple" if isinstance(value, tuple) else "set"
        return {"$": kind, "v": [encode(v, depth + 1) for v in value]}
    if isinstance(value, Mapping):
        items = [[encode(k, depth + 1), encode(v, depth + 1)] for k, v in value.items()]
        return {"$": "dict", "v": items}
    for kind, (cls, dump, _) in _SCALARS.items():
        if isinstance(value, cls):
            return {"$": kind, "v": dump(value)}
    if isinstance(value, Resource):
        fields = [value.kind, value.url, value.id, encode(dict(value.settings), depth + 1)]
        return {"$": "resource", "v": fields}
    return {"$": "opaque", "v": [type(value).__name__, _repr(value)]}


def decode(data: Any, depth: int = 0) -> Any:  # noqa: PLR0911
    """The value `encode` was given. Raises ValueError for anything malformed."""
    if depth > 2 * MAX_DEPTH:
        raise TooLarge("a message is nested too deeply")
    if isinstance(data, list):
        return [decode(v, depth + 1) for v in data]
    if not isinstance(data, dict):
        return data
    kind = data.get("$")
    value: Any = data.get("v")
    if kind == "tuple":
        return tuple(decode(v, depth + 1) for v in value)
    if kind == "set":
        return {_hashable(decode(v, depth + 1)) for v in value}
    if kind == "dict":
        return {_hashable(decode(k, depth + 1)): decode(v, depth + 1) for k, v in value}
    if kind in _SCALARS:
        return _SCALARS[kind][2](value)
    if kind == "int":
        digits = str(value)
        if len(digits) > MAX_DIGITS:  # Python would refuse to show it, in the middle of a check's sentence
            return Opaque("int", f"a number of some {len(digits)} hexadecimal digits")
        return int(digits, 16)
    if kind == "float":
        return float(value)
    if kind == "opaque":
        return Opaque(str(value[0])[:100], str(value[1])[:TEXT_OF_OPAQUE])
    if kind == "resource":
        return Resource(value[0], value[1], value[2], decode(value[3], depth + 1))
    raise ValueError("malformed value in a message")


def _hashable(value: Any) -> Any:
    return tuple(_hashable(v) for v in value) if isinstance(value, list) else value


def _repr(value: Any) -> str:
    try:
        return repr(value)[:TEXT_OF_OPAQUE]
    except Exception:
        return "<no repr>"


_SCALARS: dict[str, tuple[type, Any, Any]] = {
    "decimal": (Decimal, str, Decimal),
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "timedelta": (timedelta, timedelta.total_seconds, lambda v: timedelta(seconds=v)),
    "uuid": (uuid.UUID, str, uuid.UUID),
    "bytes": (
        bytes | bytearray | memoryview,
        lambda v: base64.b64encode(bytes(v)).decode(),
        base64.b64decode,
    ),  # type: ignore[dict-item]
}


def pack(message: dict[str, Any]) -> bytes:
    """One framed message: four bytes of length, big-endian, then JSON."""
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > MAX_MESSAGE:
        raise TooLarge(f"a message of {len(body)} bytes is larger than {MAX_MESSAGE}")
    return _HEADER.pack(len(body)) + body


class Channel:
    """Framed JSON messages over a stream socket.

    files: descriptors that came with messages, oldest first; None (for the judge) refuses them.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.files: list[int] | None = None
        self._buffer = bytearray()

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(self, message: dict[str, Any], files: Sequence[int] = ()) -> None:
        """Descriptors travel with the first byte."""
        data = pack(message)
        sent = socket.send_fds(self.sock, [data], files) if files else 0
        self.sock.sendall(data[sent:])

    def receive(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The next message; None at end of file. Raises TimeoutError, or ValueError if malformed."""
        self.sock.settimeout(timeout)
        try:
            while (message := self._take()) is None:
                chunk = self._read()
                if not chunk:
                    return None
                self._buffer += chunk
            return message
        except (ConnectionResetError, BrokenPipeError):
            return None
        finally:
            if self.sock.fileno() >= 0:
                self.sock.settimeout(None)

    def _read(self) -> bytes:
        if self.files is None:
            return self.sock.recv(1 << 18)
        chunk, files, _, _ = socket.recv_fds(self.sock, 1 << 18, 8)
        self.files += files
        return chunk

    def pending(self) -> bool:
        """Whether a whole message is already buffered (select would not see it)."""
        return len(self._buffer) >= 4 and len(self._buffer) >= 4 + _HEADER.unpack(self._buffer[:4])[0]

    def _take(self) -> dict[str, Any] | None:
        if len(self._buffer) < 4:
            return None
        (size,) = _HEADER.unpack(self._buffer[:4])
        if size > MAX_MESSAGE:
            raise TooLarge(f"a message of {size} bytes is larger than {MAX_MESSAGE}")
        if len(self._buffer) < 4 + size:
            return None
        body = bytes(self._buffer[4 : 4 + size])
        del self._buffer[: 4 + size]
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ValueError("malformed message") from error
        if not isinstance(message, dict):
            raise ValueError("malformed message")
        return message

    def close(self) -> None:
        self.sock.close()
