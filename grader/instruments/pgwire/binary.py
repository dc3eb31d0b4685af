"""Values in PostgreSQL's binary format, as drivers send parameters.

Parameters come from code nobody vouches for, so every length is checked here: psycopg's compiled loaders
trust theirs. Layouts: each type's `send` function in PostgreSQL.
"""

from __future__ import annotations

import datetime
import decimal
import json
import struct
import uuid
from collections.abc import Callable
from typing import Any

_EPOCH = datetime.datetime(2000, 1, 1)
_NEGATIVE, _SPECIAL = 0x4000, {0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}


def _fixed(layout: str) -> Callable[[bytes], Any]:
    packed = struct.Struct(layout)
    return lambda data: packed.unpack(data)[0]  # struct.error unless the size is exactly right


def _moment(data: bytes) -> datetime.datetime:
    return _EPOCH + datetime.timedelta(microseconds=_fixed("!q")(data))


def _numeric(data: bytes) -> decimal.Decimal:
    count, weight, sign, scale = struct.unpack_from("!HhHH", data)
    if sign in _SPECIAL:
        return decimal.Decimal(_SPECIAL[sign])
    value = decimal.Decimal(0)
    for i, digit in enumerate(struct.unpack(f"!{count}H", data[8:])):
        value += decimal.Decimal(digit).scaleb(4 * (weight - i))
    value = value.quantize(decimal.Decimal(1).scaleb(-scale))
    return -value if sign == _NEGATIVE else value


_DECODERS: dict[int, Callable[[bytes], Any]] = {
    16: _fixed("!?"),
    20: _fixed("!q"),
    21: _fixed("!h"),
    23: _fixed("!i"),
    26: _fixed("!I"),
    700: _fixed("!f"),
    701: _fixed("!d"),
    114: json.loads,
    3802: lambda data: json.loads(data[1:]),  # a version byte, then the text
    1082: lambda data: (_EPOCH + datetime.timedelta(days=_fixed("!i")(data))).date(),
    1114: _moment,
    1184: lambda data: _moment(data).replace(tzinfo=datetime.UTC),
    1700: _numeric,
    2950: lambda data: uuid.UUID(bytes=data),
    **dict.fromkeys((18, 19, 25, 1042, 1043), lambda data: data.decode()),
}


def decode_binary(data: bytes, oid: int) -> Any:
    """The Python value. Raises LookupError for a type not listed here, and others for malformed data."""
    return _DECODERS[oid](data)
