"""Framing and decoding of PostgreSQL protocol 3 messages, as far as a proxy needs them.

A message is a type byte, a big-endian length that counts itself, and a body; only the first packet of a
connection has no type byte. Layouts: PostgreSQL documentation, "Frontend/Backend Protocol: Message Formats".
Values are decoded best effort: what cannot be decoded is shown as hex.
"""

from __future__ import annotations

import datetime
import decimal
import functools
import struct
import uuid
from dataclasses import dataclass
from typing import Any

from psycopg import pq
from psycopg.adapt import Transformer

from grader.instruments.pgwire.binary import decode_binary

SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104
CANCEL_REQUEST = 80877102

_int16 = struct.Struct("!h")
_uint16 = struct.Struct("!H")
_int32 = struct.Struct("!i")

FLUSH = b"H\x00\x00\x00\x04"
SYNC = b"S\x00\x00\x00\x04"
TERMINATE = b"X\x00\x00\x00\x04"


def split(buffer: bytearray) -> list[bytes]:
    """Takes every complete message off the front of `buffer`, type byte and length included."""
    messages = []
    start, size = 0, len(buffer)
    while size - start >= 5:
        end = start + 1 + _int32.unpack_from(buffer, start + 1)[0]
        if end > size:
            break
        messages.append(bytes(buffer[start:end]))
        start = end
    if start:
        del buffer[:start]
    return messages


@functools.lru_cache(maxsize=256)
def kinds(wire: bytes) -> bytes:
    """The type bytes of several whole messages."""
    return bytes(m[0] for m in split(bytearray(wire)))


def query(sql: str) -> bytes:
    """A simple Query message."""
    body = sql.encode() + b"\x00"
    return b"Q" + _int32.pack(len(body) + 4) + body


def error_response(sqlstate: str, message: str, severity: str = "FATAL") -> bytes:
    """An ErrorResponse of the proxy's own."""
    parts = [("S", severity), ("V", severity), ("C", sqlstate), ("M", message)]
    body = b"".join(k.encode() + v.encode() + b"\x00" for k, v in parts) + b"\x00"
    return b"E" + _int32.pack(len(body) + 4) + body


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\x00", at)
    return data[at:end].decode(errors="replace"), end + 1


def read_query(message: bytes) -> str:
    return message[5:-1].decode(errors="replace")


@functools.lru_cache(maxsize=4096)
def read_parse(message: bytes) -> tuple[str, str, tuple[int, ...]]:
    """Statement name, its text, and the parameter type oids the client declared."""
    name, at = _text(message, 5)
    sql, at = _text(message, at)
    count = _uint16.unpack_from(message, at)[0]
    return name, sql, struct.unpack_from(f"!{count}I", message, at + 2)


@functools.lru_cache(maxsize=4096)
def read_bind_names(message: bytes) -> tuple[str, str]:
    """Portal and statement name of a Bind message."""
    portal, at = _text(message, 5)
    return portal, _text(message, at)[0]


def read_bind(message: bytes) -> tuple[str, str, tuple[tuple[int, bytes | None], ...]]:
    """Portal name, statement name, and (format, bytes) of each parameter; None is SQL's NULL."""
    portal, at = _text(message, 5)
    statement, at = _text(message, at)
    count = _uint16.unpack_from(message, at)[0]
    formats = struct.unpack_from(f"!{count}h", message, at + 2)
    at += 2 + 2 * count
    total = _uint16.unpack_from(message, at)[0]
    at += 2
    values: list[tuple[int, bytes | None]] = []
    for i in range(total):
        fmt = formats[i] if len(formats) == total else (formats[0] if formats else 0)
        data, at = _field(message, at)
        values.append((fmt, data))
    return portal, statement, tuple(values)


@functools.lru_cache(maxsize=1024)
def read_name(message: bytes) -> str:
    """The portal an Execute message runs."""
    return _text(message, 5)[0]


def read_close(message: bytes) -> tuple[str, str]:
    """("S" or "P", name) of a Close message."""
    return chr(message[5]), _text(message, 6)[0]


@dataclass(frozen=True, slots=True)
class Batch:
    """What drivers send for one statement: Parse (or the name of a prepared one), Bind, Describe, Execute, Sync.

    sql: None if `name` was prepared before.
    """

    name: str
    sql: str | None
    oids: tuple[int, ...]
    bind: bytes


@functools.lru_cache(maxsize=4096)
def read_batch(data: bytes) -> Batch | None:
    """`data` as one whole batch, or None if it is anything else. The same answer sends the same bytes in
    every schedule, so this is looked up far more often than worked out."""
    parts = split(buffer := bytearray(data))
    shape = bytes(m[0] for m in parts)
    if buffer or shape not in (b"PBDES", b"BDES"):
        return None
    bind, execute = parts[-4], parts[-2]
    portal, name = read_bind_names(bind)
    if portal or read_name(execute):
        return None
    if shape == b"BDES":
        return Batch(name, None, (), bind)
    parsed, sql, oids = read_parse(parts[0])
    return Batch(name, sql, oids, bind) if parsed == name else None


def _field(message: bytes, at: int) -> tuple[bytes | None, int]:
    size = _int32.unpack_from(message, at)[0]
    at += 4
    if size < 0:
        return None, at
    return message[at : at + size], at + size


def read_columns(message: bytes) -> tuple[tuple[str, int, int], ...]:
    """(name, type oid, format) of each column of a RowDescription."""
    count = _uint16.unpack_from(message, 5)[0]
    at = 7
    columns = []
    for _ in range(count):
        name, at = _text(message, at)
        oid = _int32.unpack_from(message, at + 6)[0]
        fmt = _int16.unpack_from(message, at + 16)[0]
        columns.append((name, oid, fmt))
        at += 18
    return tuple(columns)


def read_row(message: bytes) -> list[bytes | None]:
    count = _uint16.unpack_from(message, 5)[0]
    at = 7
    fields = []
    for _ in range(count):
        data, at = _field(message, at)
        fields.append(data)
    return fields


def read_error(message: bytes) -> dict[str, str]:
    """Fields of an ErrorResponse or NoticeResponse by their letter: "C" SQLSTATE, "M" message, "D" detail."""
    fields: dict[str, str] = {}
    at = 5
    while at < len(message) and message[at]:
        letter = chr(message[at])
        fields[letter], at = _text(message, at + 1)
    return fields


def read_tag(message: bytes) -> str:
    return message[5:-1].decode(errors="replace")


_loaders = Transformer()


def decode(data: bytes | None, oid: int, fmt: int) -> Any:
    """One wire value as JSON-safe data: None, bool, int, float, str, or a list or dict of them."""
    if data is None:
        return None
    try:
        return json_safe(
            decode_binary(data, oid) if fmt else _loaders.get_loader(oid, pq.Format.TEXT).load(data)
        )
    except Exception:
        return data.decode(errors="replace") if fmt == 0 else "\\x" + data.hex()


def json_safe(value: Any) -> Any:
    """`value` with everything JSON does not know turned to text; exact decimals stay exact, as text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [json_safe(v) for v in value]
    if isinstance(value, dict):
        return {str(k): json_safe(v) for k, v in value.items()}
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        return data.decode() if data.isascii() else "\\x" + data.hex()
    if isinstance(value, (decimal.Decimal, datetime.date, datetime.time, datetime.timedelta, uuid.UUID)):
        return str(value)
    return str(value)
