"""Framing and decoding of wire messages, without a server."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.instruments.pgwire import Statement, messages


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


@given(st.lists(st.tuples(st.sampled_from([b"Q", b"D", b"Z"]), st.binary(max_size=40))), st.integers(1, 7))
def test_messages_survive_any_cutting(parts, size):
    wire = b"".join(message(k, b) for k, b in parts)
    buffer, found = bytearray(), []
    for at in range(0, len(wire), size):
        buffer += wire[at : at + size]
        found += messages.split(buffer)
    assert found == [message(k, b) for k, b in parts] and not buffer


def bind(portal: str, name: str, formats: list[int], values: list[bytes | None]) -> bytes:
    body = (
        portal.encode()
        + b"\0"
        + name.encode()
        + b"\0"
        + struct.pack(f"!H{len(formats)}h", len(formats), *formats)
    )
    body += struct.pack("!H", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message(b"B", body + struct.pack("!H", 0))


def test_bind_and_parse():
    wire = bind("p", "s", [1, 0, 0], [struct.pack("!i", 7), b"x'y", None])
    assert messages.read_bind_names(wire) == ("p", "s")
    assert messages.read_bind(wire) == ("p", "s", ((1, struct.pack("!i", 7)), (0, b"x'y"), (0, None)))
    assert messages.read_bind(bind("", "", [1], [b"a", b"b"]))[2] == ((1, b"a"), (1, b"b"))
    parse = message(b"P", b"s\0SELECT $1\0" + struct.pack("!HI", 1, 23))
    assert messages.read_parse(parse) == ("s", "SELECT $1", (23,))
    statement = Statement("T1", "T1", 1, "SELECT $1, $2, $3", bind=wire, oids=(23,))
    assert statement.params == [7, "x'y", None]


@pytest.mark.parametrize(
    ("data", "oid", "fmt", "value"),
    [
        (b"12", 23, 0, 12),
        (b"t", 16, 0, True),
        (b"10.50", 1700, 0, "10.50"),
        (b"2026-01-02", 1082, 0, "2026-01-02"),
        (b'{"a": 1}', 3802, 0, {"a": 1}),
        (struct.pack("!q", 5), 20, 1, 5),
        (b"\x01\x02", 23, 1, "\\x0102"),  # not an int4: shown, not dropped
        (None, 25, 0, None),
        (struct.pack("!HhHHHH", 2, 0, 0x4000, 2, 1, 500), 1700, 1, "-1.05"),
        (struct.pack("!HhHH", 9, 0, 0, 2), 1700, 1, "\\x0009000000000002"),  # claims digits it has not
        (struct.pack("!i", 1), 1082, 1, "2000-01-02"),
        (struct.pack("!q", 10**6), 1184, 1, "2000-01-01 00:00:01+00:00"),
        (b'\x01{"a": 1}', 3802, 1, {"a": 1}),
        (b"x", 25, 1, "x"),
    ],
)
def test_values(data, oid, fmt, value):
    assert messages.decode(data, oid, fmt) == value


def test_errors_and_tags():
    made = messages.error_response("40001", "could not serialize")
    assert (
        messages.read_error(made)["C"] == "40001" and messages.read_error(made)["M"] == "could not serialize"
    )
    assert messages.read_tag(message(b"C", b"UPDATE 1\0")) == "UPDATE 1"
    assert messages.read_query(messages.query("SELECT 'ä'")) == "SELECT 'ä'"
