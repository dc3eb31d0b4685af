"""What crosses between judge and worker keeps its exact type, and malformed messages are refused."""

import socket
import struct
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks.running import Opaque, Resource
from grader.judge.codec import MAX_DEPTH, MAX_MESSAGE, Channel, TooLarge, decode, encode

VALUES = [
    None, True, 0, -1, 2**80, 1.5, "text", "", b"\x00\xff", Decimal("1.10"), uuid.UUID(int=7),
    date(2026, 1, 2), time(3, 4), datetime(2026, 1, 2, tzinfo=UTC), timedelta(seconds=90),
    [1, [2]], (1, 2), {1, 2}, {"a": 1}, {1: "a", None: 2}, {"$": "decimal", "v": "1"},
    Resource("connection", "postgresql://", "c", {"autocommit": True}),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_with_its_exact_type(value):
    back = decode(encode(value))
    assert back == value
    assert type(back) is type(value)


def test_true_and_one_stay_apart():
    assert decode(encode([True, 1, 1.0])) == [True, 1, 1.0]
    assert [type(v) for v in decode(encode([True, 1, 1.0]))] == [bool, int, float]


def test_not_a_number_survives():
    assert str(decode(encode(float("nan")))) == "nan"
    assert decode(encode(float("-inf"))) == float("-inf")


def test_an_unknown_object_arrives_as_its_description_only():
    class Liar:
        def __eq__(self, other):
            return True

        __hash__ = object.__hash__

        def __repr__(self):
            raise RuntimeError("no")

    assert decode(encode(Liar())) == Opaque("Liar", "<no repr>")


def test_a_subclass_is_reduced_to_its_base():
    class Sneaky(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    back = decode(encode(Sneaky(3)))
    assert type(back) is int
    assert back == 3


def test_depth_is_bounded():
    nested = []
    for _ in range(MAX_DEPTH + 2):
        nested = [nested]
    with pytest.raises(TooLarge):
        encode(nested)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["$", "v", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_json_decodes_to_plain_values_or_is_refused(data):
    try:
        decode(data)
    except (ValueError, TypeError, ArithmeticError, KeyError, IndexError):
        return


def test_a_channel_carries_messages_split_anywhere():
    left, right = socket.socketpair()
    sender, receiver = Channel(left), Channel(right)
    sender.send({"n": 1})
    sender.send({"n": 2, "text": "x" * 100_000})
    assert receiver.receive(5) == {"n": 1}
    assert receiver.receive(5)["n"] == 2
    sender.close()
    assert receiver.receive(5) is None


def test_descriptors_reach_only_who_takes_them():
    for takes in (True, False):
        left, right = socket.socketpair()
        here, there = socket.socketpair()
        sender, receiver = Channel(left), Channel(right)
        receiver.files = [] if takes else None
        sender.send({"n": 1})
        sender.send({"text": "x" * 100_000}, [there.fileno()])
        there.close()
        assert receiver.receive(5) == {"n": 1}
        assert len(receiver.receive(5)["text"]) == 100_000
        if takes:
            (file,) = receiver.files
            with socket.socket(fileno=file) as got:
                got.sendall(b"hello")
            assert here.recv(10) == b"hello"
        else:
            assert here.recv(10) == b""  # the kernel has closed what nobody took
        for sock in (left, right, here):
            sock.close()


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (struct.pack("!I", MAX_MESSAGE + 1), TooLarge),
        (struct.pack("!I", 3) + b"[1]", ValueError),
        (struct.pack("!I", 3) + b"\xff\xfe{", ValueError),
        (struct.pack("!I", 20_000) + b"[" * 20_000, ValueError),
    ],
    ids=["too large", "not an object", "not text", "too deep"],
)
def test_a_malformed_message_is_refused(raw, error):
    left, right = socket.socketpair()
    left.sendall(raw)
    with pytest.raises(error):
        Channel(right).receive(5)


def test_a_silent_peer_times_out():
    left, right = socket.socketpair()
    with pytest.raises(TimeoutError):
        Channel(right).receive(0.01)
    left.close()
