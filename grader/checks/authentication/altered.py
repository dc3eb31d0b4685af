"""A secret that is almost right."""

from __future__ import annotations


def altered(text: str, at: int | None = None) -> str:
    """`text` with another character at place `at` (the middle; the last where there is no such place), which must
    not be taken for the same one.

    Another in more than case, because identifiers in hex or base32 are read without it; and not the last one if it
    can be helped, whose lowest bits base64 ignores. "" stays "".
    """
    if not text:
        return ""
    place = min(len(text) // 2 if at is None else at, len(text) - 1)
    return text[:place] + ("B" if text[place] in "aA" else "A") + text[place + 1 :]
