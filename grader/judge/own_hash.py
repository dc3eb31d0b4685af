"""Python salts the hashes of text anew in every process; workers forked from one warm parent would all share one.

Two nodes that lock `hash(job)` lock different things, and must do so here as well. Only the answer's own calls are
given the function: what the parent has in its dicts was put there under the other salt.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

_SALTED = (str, bytes, datetime.date, datetime.time)  # what Python's documentation of PYTHONHASHSEED names


def own_hash(process: int) -> Callable[[Any], int]:
    """`hash` as process number `process` would have it: the same for equal objects, another for text elsewhere."""

    def salted(obj: object) -> object:
        if isinstance(obj, _SALTED):
            return (process, obj)
        if isinstance(obj, tuple):
            return tuple(salted(part) for part in obj)
        if isinstance(obj, frozenset):
            return frozenset(salted(part) for part in obj)
        return obj

    return lambda obj, /: hash(salted(obj))
