"""Mistakes in using the lab: one sentence in the cell, never a wall of traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class LabError(Exception):
    """What is wrong and what to do, in one sentence."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows these lines in place of the traceback."""
        return [str(self)]


def did_you_mean(wanted: str, known: Iterable[str]) -> str:
    """ " Did you mean `transfer`?" or the list of what there is."""
    names = list(known)
    close = get_close_matches(wanted, names, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"There are: {', '.join(names)}." if names else "There are none yet."
