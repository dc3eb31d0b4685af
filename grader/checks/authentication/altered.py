"""A secret that is almost right."""

from __future__ import annotations

LOW = "ABCDEFGHIJKLMNOPabcdefghijklmnop"  # the lower half of base32's alphabet, where A is; 7 is in the upper half


def altered(text: str, at: int | None = None) -> str:
    """`text` with another character at place `at` (the middle; the last where there is no such place), which must
    not be taken for the same one.

    Identifiers in hex or base32 are read without regard to case, and of the last character base64 and base32 may ignore
    the lowest bits: the new one differs in the highest as well. "" stays "".
    """
    if not text:
        return ""
    place = min(len(text) // 2 if at is None else at, len(text) - 1)
    return text[:place] + ("7" if text[place] in LOW else "A") + text[place + 1 :]
