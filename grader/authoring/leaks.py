"""Nothing of a solution may reach a learner: not in the released labs, not in the installed package.

A line of a solution counts as distinctive when it is long enough not to be everybody's line; lines the learner
is given anyway (stub, set-up cell) are excused. Shorter lines count in pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

from grader.authoring.source import regions

ALONE = 40  # characters of a line that gives the solution away by itself
PAIR = 32  # characters of two consecutive lines, together
SHORTEST = 8  # a line below this says nothing (`else:`, `return x`)


def fragments(source: str, given: Iterable[str] = ()) -> list[str]:
    """The giveaways of one answer cell, normalised: long lines, and pairs of consecutive lines.

    given: texts the learner has in hand anyway.
    """
    excused = {_plain(line) for text in given for line in text.splitlines()}
    found: list[str] = []
    for region in regions(source):
        lines = [p for p in map(_plain, region.splitlines()) if len(p) >= SHORTEST and p not in excused]
        alone = [p for p in lines if len(p) >= ALONE or (len(lines) == 1 and len(p) >= SHORTEST * 2)]
        pairs = [f"{a}\n{b}" for a, b in pairwise(lines) if len(a) + len(b) >= PAIR]
        found += [*alone, *pairs]
    return list(dict.fromkeys(found))


def leaks(solutions: Mapping[str, Iterable[str]], files: Mapping[str, str]) -> list[str]:
    """One sentence a leak. solutions: name of the exercise -> its fragments; files: path -> text."""
    found = []
    for path, text in files.items():
        plain = "\n".join(filter(None, map(_plain, text.splitlines())))
        for exercise, pieces in solutions.items():
            for piece in pieces:
                if piece in plain:
                    shown = piece.replace("\n", " / ")
                    found.append(f"{path} gives away the solution of {exercise}: {shown}")
                    break
    return found


def _plain(line: str) -> str:
    """A line without comment marks, spacing and JSON dressing."""
    text = re.sub(r"\\n(\",?)?$", "", line.strip().removeprefix('"')).replace('\\"', '"')
    text = re.sub(r"^(#|--)\s*", "", text)
    return re.sub(r"\s+", " ", text).strip().strip('",').strip()
