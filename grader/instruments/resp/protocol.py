"""RESP2 and RESP3 on the wire: cutting a byte stream into frames, and reading a frame.

Written from the protocol description at https://valkey.io/topics/protocol/. Frames are passed on as the bytes
they arrived in; they are only decoded for the history.
"""

from __future__ import annotations

from typing import Any

LARGEST_FRAME = 64 * 1024 * 1024  # bytes
_LINE = b"+-:_,#("
_BULK = b"$!="
_AGGREGATE = {ord("*"): (1, 0), ord("~"): (1, 0), ord(">"): (1, 0), ord("%"): (2, 0), ord("|"): (2, 1)}


class ProtocolError(ValueError):
    """The bytes are not RESP."""


class Splitter:
    """Feeds on bytes, gives whole frames. `inline` also accepts the plain-text commands of a telnet user."""

    def __init__(self, *, inline: bool = False) -> None:
        self._data = bytearray()
        self._inline = inline
        self._at = 0  # scanned so far
        self._missing = 1  # values still to come before the frame is whole

    def feed(self, data: bytes) -> list[bytes]:
        """The frames completed by `data`, in order."""
        self._data += data
        if len(self._data) > LARGEST_FRAME:
            raise ProtocolError("a frame is larger than 64 MB")
        frames: list[bytes] = []
        while self._scan():
            frames.append(bytes(self._data[: self._at]))
            del self._data[: self._at]
            self._at, self._missing = 0, 1
        return frames

    def _scan(self) -> bool:
        while self._missing:
            end = self._data.find(b"\r\n", self._at)
            if end < 0:
                return False
            following = end + 2
            kind, missing = self._data[self._at], self._missing - 1
            if kind in _BULK:
                size = self._number(self._at + 1, end)
                following += size + 2 if size >= 0 else 0
                if following > len(self._data):
                    return False
            elif kind in _AGGREGATE:
                each, extra = _AGGREGATE[kind]
                missing += max(self._number(self._at + 1, end), 0) * each + extra
            elif kind not in _LINE and not (self._inline and self._at == 0):
                raise ProtocolError(f"a frame starts with byte {kind}")
            self._at, self._missing = following, missing
        return True

    def _number(self, start: int, end: int) -> int:
        try:
            return int(self._data[start:end])
        except ValueError:
            raise ProtocolError("a frame has a length that is no number") from None


def pack(args: list[bytes]) -> bytes:
    """A command as a client sends it."""
    return b"".join([b"*%d\r\n" % len(args), *(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)])


def unpack(frame: bytes) -> list[bytes]:
    """The words of a command frame; [] for an empty one. Raises ProtocolError for anything else."""
    if not frame.startswith(b"*"):
        return frame.split()
    words = decode(frame)
    if not isinstance(words, list) or not all(isinstance(w, bytes) for w in words):
        raise ProtocolError("a command is not an array of strings")
    return words


class ErrorReply(str):
    """An error the server answered."""


class Status(str):
    """A simple string the server answered, such as OK."""


class Push(list[Any]):
    """An out-of-band message."""


def decode(frame: bytes) -> Any:
    """bytes, int, float, bool, None, list, dict, Status, ErrorReply or Push."""
    value, _ = _value(frame, 0)
    return value


def _value(data: bytes, at: int) -> tuple[Any, int]:  # noqa: PLR0911, PLR0912 - one line a type reads best
    end = data.index(b"\r\n", at)
    kind, head, after = data[at : at + 1], data[at + 1 : end], end + 2
    match kind:
        case b"+":
            return Status(head.decode("utf-8", "replace")), after
        case b"-":
            return ErrorReply(head.decode("utf-8", "replace")), after
        case b":" | b"(":
            return int(head), after
        case b",":
            return float(head), after
        case b"#":
            return head == b"t", after
        case b"_":
            return None, after
        case b"$" | b"!" | b"=":
            size = int(head)
            if size < 0:
                return None, after
            text = data[after : after + size]
            return (ErrorReply(text.decode("utf-8", "replace")) if kind == b"!" else text), after + size + 2
    size = int(head)
    if kind == b"|":  # attributes come before the value they speak of
        for _ in range(2 * size):
            _, after = _value(data, after)
        return _value(data, after)
    if size < 0:
        return None, after
    items: list[Any] = []
    for _ in range(size * (2 if kind == b"%" else 1)):
        item, after = _value(data, after)
        items.append(item)
    if kind == b"%":
        return dict(zip(map(_hashable, items[::2]), items[1::2], strict=True)), after
    return (Push(items) if kind == b">" else items), after


def _hashable(key: Any) -> Any:
    return key if isinstance(key, bytes | str | int | float | bool | None) else repr(key)


def elements(frame: bytes) -> list[bytes]:
    """The frames inside an array frame; [] for a null or empty one."""
    head = frame.index(b"\r\n") + 2
    return Splitter().feed(frame[head:])


def brief(value: Any, limit: int = 60) -> str:
    """A decoded value as a reader of a timeline wants it."""
    if value is None:
        return "nil"
    if isinstance(value, ErrorReply):
        return f"error: {value}"[:limit]
    if isinstance(value, bytes):
        text = value.decode("utf-8", "backslashreplace")
        return text if len(text) <= limit else text[: limit - 1] + "…"
    if isinstance(value, list):
        inner = ", ".join(brief(v, 20) for v in value[:4]) + (", …" if len(value) > 4 else "")
        return f"[{inner}]"[: limit + 10]
    if isinstance(value, dict):
        return f"{len(value)} fields"
    return str(value)[:limit]
