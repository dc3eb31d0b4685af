"""Each process of an answer hashes text its own way, as separate Python processes do."""

from __future__ import annotations

import datetime

import pytest

from grader.judge.own_hash import own_hash

TEXTS = ["job", b"job", datetime.date(2026, 1, 1), ("nightly", 1), frozenset({"a"}), (1, ("a",))]


@pytest.mark.parametrize("value", TEXTS, ids=repr)
def test_text_differs_between_processes_and_not_within_one(value: object):
    assert own_hash(1)(value) == own_hash(1)(value)
    assert own_hash(1)(value) != own_hash(2)(value)


@pytest.mark.parametrize("value", [7, 2.5, True, None, (1, 2), frozenset({3})], ids=repr)
def test_what_python_does_not_salt_stays(value: object):
    assert own_hash(1)(value) == hash(value) == own_hash(2)(value)


def test_what_has_no_hash_has_none_here_either():
    with pytest.raises(TypeError, match="unhashable"):
        own_hash(1)([])
