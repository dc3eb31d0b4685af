"""Texts that somebody shows `api_keys` in place of a key."""

from __future__ import annotations

from typing import Any

from grader.checks.authentication.altered import altered
from grader.checks.authentication.api_keys_counter import Key


def almost(key: Key, quarters: int = 2) -> str:
    """The key with another character after so many quarters of its secret: in the middle; the last one after 4."""
    return altered(key.text, len(key.text) - len(key.secret) + quarters * len(key.secret) // 4)


def bad_keys(one: Key, two: Key, random: Any) -> dict[str, str]:
    """Texts that are no keys, by what they are."""
    return {
        "one character of the secret changed": almost(one),
        "a character early in the secret changed": almost(one, 1),
        "a character late in the secret changed": almost(one, 3),
        "its last character changed": almost(one, 4),
        "its last character missing": one.text[:-1],
        "one character more": one.text + "x",
        "with a space before it": f" {one.text}",
        "with a line break after it": f"{one.text}\n",
        "the prefix alone": one.prefix,
        "the prefix of one key with the secret of another": one.text[: -len(one.secret)] + two.secret,
        "a prefix nobody has": one.text.replace(one.prefix, f"shop_{random.randrange(10**9, 10**10)}"),
        "an empty text": "",
        "some text": "open sesame",
        "SQL": "shop_' OR 1=1 --",
        "with a character beyond ASCII": one.text[:-1] + "é",
        "with a NUL": one.text + "\0",
        "a NUL after shop_": "shop_\0" + one.text[6:],
        "100,000 characters": one.text * (100_000 // max(len(one.text), 1)),
    }
