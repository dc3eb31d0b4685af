"""A secret that is almost right."""

from __future__ import annotations


def altered(text: str, at: int | None = None) -> str:
    """`text` with another character at place `at` (the middle), which must not be taken for the same one.

    Another in more than case, because identifiers in hex or base32 are read without it; and not the last one, whose
    lowest bits base64 ignores. "" stays "".
    """
    place = len(text) // 2 if at is None else at
    return (
        text[:place] + ("B" if text[place : place + 1] in ("a", "A") else "A") + text[place + 1 :]
        if text
        else ""
    )
