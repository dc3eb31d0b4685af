"""Whether a secret can be read from what is kept."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence

TELLING = 16  # characters of a part of a token that cannot stand somewhere by chance


def readable(token: str, kept: Mapping[str, Sequence[str]]) -> str:
    """Where the token stands, as it is or merely encoded; "" if nowhere. kept: texts, by where they are."""
    # Of several parts one may be a public name; and what is short says nothing where it is found.
    last = [part for part in token.replace(":", ".").split(".") if len(part) >= TELLING][-1:]
    told = {spelling for part in (token, *last) for spelling in spellings(part)}
    return next(
        (where for where, texts in kept.items() if any(t in text for t in told for text in texts)), ""
    )


def spellings(token: str) -> set[str]:
    """The token, and what it becomes when it is encoded instead of hashed."""
    raw = token.encode()
    found = {token, raw.hex(), base64.b64encode(raw).decode().rstrip("="), token[::-1]}
    for decode in (_hexadecimal, _base64):
        try:
            value = decode(token)
        except (ValueError, binascii.Error):
            continue
        if len(value) >= 8:
            found |= {value.hex(), base64.b64encode(value).decode().rstrip("=")}
    return found


def _hexadecimal(token: str) -> bytes:
    return bytes.fromhex(token.replace("-", ""))


def _base64(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
