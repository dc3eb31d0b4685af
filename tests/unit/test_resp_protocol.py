"""RESP on the wire: frames are cut right wherever the stream is torn, and read right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.instruments.resp.commands import blocking_timeout, keys_of, replies_expected, text_of
from grader.instruments.resp.expiry import Expiry
from grader.instruments.resp.protocol import (
    ErrorReply,
    ProtocolError,
    Push,
    Splitter,
    brief,
    decode,
    elements,
    pack,
    unpack,
)


def _frame(value) -> bytes:
    if value is None:
        return b"_\r\n"
    if isinstance(value, bool):
        return b"#t\r\n" if value else b"#f\r\n"
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, bytes):
        return b"$%d\r\n%s\r\n" % (len(value), value)
    if isinstance(value, dict):
        return b"%%%d\r\n" % len(value) + b"".join(_frame(k) + _frame(v) for k, v in value.items())
    return b"*%d\r\n" % len(value) + b"".join(map(_frame, value))


_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=40)
_values = st.recursive(
    _scalars,
    lambda v: st.lists(v, max_size=4) | st.dictionaries(st.binary(max_size=5), v, max_size=3),
    max_leaves=12,
)


@given(st.lists(_values, min_size=1, max_size=4), st.lists(st.integers(1, 20), min_size=1, max_size=10))
def test_frames_survive_any_tearing(values, sizes) -> None:
    stream, splitter, frames, turn = b"".join(map(_frame, values)), Splitter(), [], 0
    while stream:
        size = sizes[turn % len(sizes)]
        frames += splitter.feed(stream[:size])
        stream, turn = stream[size:], turn + 1
    assert [decode(f) for f in frames] == values


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=6))
def test_a_command_is_read_as_it_was_written(words) -> None:
    assert unpack(pack(words)) == words


def test_kinds_of_reply() -> None:
    assert decode(b"-ERR no\r\n") == "ERR no"
    assert isinstance(decode(b"-ERR no\r\n"), ErrorReply)
    assert isinstance(decode(b"!5\r\nERR x\r\n"), ErrorReply)
    assert isinstance(decode(b">2\r\n+message\r\n+hi\r\n"), Push)
    assert decode(b"$-1\r\n") is None
    assert decode(b"*-1\r\n") is None
    assert decode(b",1.5\r\n") == 1.5
    assert decode(b"~2\r\n:1\r\n:2\r\n") == [1, 2]
    assert decode(b"=7\r\ntxt:abc\r\n") == b"txt:abc"
    assert decode(b"|1\r\n+ttl\r\n:3\r\n:7\r\n") == 7
    assert elements(b"*2\r\n:1\r\n$1\r\na\r\n") == [b":1\r\n", b"$1\r\na\r\n"]
    assert Splitter(inline=True).feed(b"PING hello\r\n") == [b"PING hello\r\n"]


@pytest.mark.parametrize("junk", [b"hello\r\n", b"*x\r\n", b"$9z\r\n"])
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(ProtocolError):
        Splitter().feed(junk)


def test_commands_as_a_reader_sees_them() -> None:
    assert text_of([b"set", b"k", b"v" * 100, b"EX", b"5"]).endswith("… EX 5")
    assert text_of([b"EVAL", b"-- lock\nreturn redis.call('GET', KEYS[1])", b"1", b"k"]) == (
        "EVAL \"return redis.call('GET', KEYS[1])\" 1 k"
    )
    assert brief([b"a", None, 3]) == "[a, nil, 3]"
    assert keys_of([b"MGET", b"a", b"b"]) == ("a", "b")
    assert keys_of([b"EVAL", b"x", b"2", b"a", b"b", b"arg"]) == ("a", "b")
    assert keys_of([b"BLPOP", b"a", b"b", b"0"]) == ("a", "b")
    assert keys_of([b"FLUSHALL"]) is None
    assert blocking_timeout([b"XREAD", b"BLOCK", b"1500", b"STREAMS", b"s", b"$"]) == (2, 1.5)
    assert blocking_timeout([b"GET", b"k"]) is None
    assert replies_expected([b"SUBSCRIBE", b"a", b"b"], 0) == 2
    assert replies_expected([b"UNSUBSCRIBE"], 3) == 3


def test_expiry_is_sent_as_one_absolute_moment() -> None:
    now = 1_000_000
    expiry = Expiry(lambda: now, shift=5_000_000)
    assert expiry.outgoing([b"SET", b"k", b"v", b"EX", b"30", b"NX"])[0] == [
        b"SET", b"k", b"v", b"PXAT", b"6030000", b"NX",
    ]  # fmt: skip
    assert expiry.outgoing([b"SETEX", b"k", b"30", b"v"])[0] == [b"SET", b"k", b"v", b"PXAT", b"6030000"]
    assert expiry.outgoing([b"PEXPIRE", b"k", b"10", b"GT"])[0] == [b"PEXPIREAT", b"k", b"6000010", b"GT"]
    assert expiry.outgoing([b"EXPIREAT", b"k", b"1010"])[0] == [b"PEXPIREAT", b"k", b"6010000"]
    assert expiry.outgoing([b"EXPIRE", b"k", b"0"])[0] == [b"EXPIRE", b"k", b"0"]
    assert expiry.outgoing([b"SET", b"k", b"EX"])[0] == [b"SET", b"k", b"EX"]
    _, back = expiry.outgoing([b"TTL", b"k"])
    assert back is not None
    assert back(b":6029600\r\n") == b":30\r\n"
    assert back(b":-1\r\n") == b":-1\r\n"
