"""Whether a text that should have been drawn can be calculated from others that are known."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from itertools import permutations

TELLING = 16  # characters that two texts cannot have in common by chance
HASHES = ("sha256", "sha1", "md5", "sha512")
BETWEEN = ("", ":", ".", "|", "-")  # what stands between two texts that are hashed together


def derived(text: str, known: Mapping[str, str]) -> str:
    """How `text` is made of what is known: "sha256 of the state and the code"; "" if it is not.

    It may be one of them, a hash of one or of two, or an HMAC of one under another, in hex or base64, whole or cut.
    What has something of its own added, a signature above all, is not made of them.
    known: texts by name.
    """
    plain = _plain(text)
    if len(plain) < TELLING:
        return ""
    return next((how for how, spelling in _recipes(known) if _plain(spelling).startswith(plain)), "")


def _plain(text: str) -> str:
    """Without what alphabets differ in: quotes, padding, hyphens, and the last two characters of base64."""
    return text.translate(dict.fromkeys(map(ord, '"=-_+/')))


def _recipes(known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    told = {name: value for name, value in known.items() if value}
    for name, value in told.items():
        yield name, value
        for how, digest in _digests(value):
            yield from _spelled(f"{how} of {name}", digest)
    for (one, first), (other, second) in permutations(told.items(), 2):
        for between in BETWEEN:
            for how, digest in _digests(first + between + second):
                yield from _spelled(f"{how} of {one} and {other}", digest)
        keyed = hmac.new(first.encode(), second.encode(), hashlib.sha256).digest()
        yield from _spelled(f"HMAC of {other} under {one}", keyed)


def _digests(text: str) -> Iterator[tuple[str, bytes]]:
    for how in HASHES:
        yield how, hashlib.new(how, text.encode(), usedforsecurity=False).digest()


def _spelled(how: str, digest: bytes) -> Iterator[tuple[str, str]]:
    yield how, digest.hex()
    yield how, digest.hex().upper()
    yield how, base64.urlsafe_b64encode(digest).decode()
