"""What nobody may guess: the names of sessions, compared with one another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from grader.checks.exercise import Ruling, fail

SHORTEST = 22  # characters: 128 bits in base64
VARIED = 8  # places in which two ids differ at least: of 22 that are drawn nearly all do, of ten digits even


def long_and_unlike(ids: Sequence[str], things: str = "ids") -> Ruling:
    """Whether each is long, and tells nothing about another one; equal ones are not compared.

    things: what they are, in the plural.
    """
    shortest = min(ids, key=len, default="")
    if len(shortest) < SHORTEST:
        return fail(f"at least {SHORTEST} characters", f"{len(shortest)}: {shortest}")
    for one, other in combinations(sorted(set(ids)), 2):
        places = sum(a != b for a, b in zip(one, other, strict=False))
        if places < VARIED:
            return fail(
                f"{things} that have nothing in common",
                f"two {things} differ in {places} characters: {one}, {other}",
            )
    return True
