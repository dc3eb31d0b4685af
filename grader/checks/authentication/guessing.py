"""What nobody may guess: texts that one process drew, compared with one another."""

from __future__ import annotations

from collections.abc import Sequence

from grader.checks.exercise import Ruling, fail

SHORTEST = 22  # characters: 128 bits in base64
# Places at which they must differ: of 22 that are drawn they do at nearly all. What a clock and a counter say fills
# fewer: of a UUID of version 1 the lower digits of the time and its sequence, 15 within a day or so.
VARIED = 16


def long_and_unlike(ids: Sequence[str], things: str = "ids") -> Ruling:
    """Whether each is long, and tells little about the others; equal ones count once.

    things: what they are, in the plural.
    """
    shortest = min(ids, key=len, default="")
    if len(shortest) < SHORTEST:
        return fail(f"at least {SHORTEST} characters", f"{len(shortest)}: {shortest}")
    different = list(dict.fromkeys(ids))
    places = sum(len(set(column)) > 1 for column in zip(*different, strict=False))
    if len(different) > 1 and places < VARIED:
        one, other, *_ = different
        return fail(
            f"{things} that have nothing in common",
            f"{len(different)} {things} differ in {places} characters: {one}, {other}",
        )
    return True
