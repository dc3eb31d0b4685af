"""What may be guessed, and what can be read from what is kept."""

import secrets
import uuid

from grader.checks.authentication.guessing import long_and_unlike
from grader.checks.authentication.kept import readable


def test_what_is_drawn_cannot_be_guessed():
    assert long_and_unlike([secrets.token_urlsafe(32) for _ in range(20)]) is True
    assert long_and_unlike([f"{secrets.randbelow(10**30):030d}" for _ in range(20)]) is True


def test_one_that_is_there_twice_is_not_compared_with_itself():
    drawn = secrets.token_hex(16)
    assert long_and_unlike([drawn, drawn]) is True


def test_uuids_of_a_moment_are_alike_however_far_apart():
    far = ["7a75ff38-e9ff-11f1-afed-02fc00000001", "118a40c3-ea04-11f1-8c0e-02fc00000001"]
    assert "2 ids differ in 15 characters" in long_and_unlike(far).happened
    assert long_and_unlike([str(uuid.uuid4()) for _ in range(9)]) is True


def test_what_is_short_or_counted_or_a_moment_can_be_guessed():
    assert "at least 22" in long_and_unlike([secrets.token_hex(16), secrets.token_hex(4)]).expected
    counted = [f"session-of-the-shop-{number:016d}" for number in (7, 8)]
    assert "2 tokens differ in 1 characters" in long_and_unlike(counted, "tokens").happened
    assert "nothing in common" in long_and_unlike([str(uuid.uuid1()) for _ in range(5)]).expected


def test_a_token_is_read_where_it_stands_and_where_it_is_merely_encoded():
    token = secrets.token_hex(32)
    kept = {"the table a": ["nothing"], "the table b": ["7", f"... {token} ..."]}
    assert readable(token, kept) == "the table b"
    assert readable(token, {"Redis": [token.encode().hex()]}) == "Redis"
    assert readable(token, {"the table a": [secrets.token_hex(32)]}) == ""
