"""What is sent in place of a secret must not be read as the secret by any answer that is right."""

from __future__ import annotations

import base64
import secrets
import uuid

from hypothesis import given
from hypothesis import strategies as st

from grader.checks.authentication.altered import altered


@given(st.uuids(), st.binary(min_size=16, max_size=40))
def test_no_spelling_of_a_secret_survives(made: uuid.UUID, key: bytes) -> None:
    assert altered(made.hex).casefold() != made.hex
    assert base64.urlsafe_b64decode(altered(base64.urlsafe_b64encode(key).decode())) != key
    spelled = base64.b32encode(key).decode().lower()
    assert base64.b32decode(altered(spelled), casefold=True) != key


@given(st.binary(min_size=16, max_size=40), st.sampled_from((0, 10**6)))
def test_nor_where_it_begins_or_ends(key: bytes, at: int) -> None:
    for encode, decode in (
        (base64.urlsafe_b64encode, base64.urlsafe_b64decode),
        (base64.b32encode, lambda text: base64.b32decode(text.upper())),
        (base64.b16encode, lambda text: base64.b16decode(text.upper())),
    ):
        spelled = encode(key).decode()
        text = spelled.rstrip("=")
        assert decode(altered(text, at) + spelled[len(text) :]) != key


def test_where_there_is_little_to_alter() -> None:
    assert altered("") == "" and altered("a") == "7" and altered("x") == "A"
    token = secrets.token_urlsafe()
    assert altered(token, 0)[1:] == token[1:]
