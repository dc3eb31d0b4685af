"""Work of one check that touches different databases, done side by side: a learner waits for the longest part only."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def together(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Both results, once both are done. Raises what `first` raised, else what `second` did.

    Threads are enough, the work is the server's; a connection belongs to one of them.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        aside = pool.submit(first)
        try:
            result = second()
        finally:
            done = aside.result()
    return done, result
