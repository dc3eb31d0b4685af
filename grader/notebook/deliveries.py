"""Every way in which a few messages can be delivered, more than once and in any order, to each way of handling them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import psycopg

from grader.instruments.explore import SavedRows
from grader.notebook.scratch import Scratch
from grader.notebook.tables import Table

Handle = Callable[[psycopg.Connection[Any], Any], object]


def orders(counts: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every order of things of which there are counts[0] of the first kind, and so on; each once."""
    if not any(counts):
        yield ()
        return
    for kind, left in enumerate(counts):
        if left:
            rest = [n - (k == kind) for k, n in enumerate(counts)]
            yield from ((kind, *order) for order in orders(rest))


def every_delivery(
    scratch: Scratch,
    handlers: Mapping[str, Handle],
    messages: Sequence[Any],
    *,
    tables: Sequence[str],
    look: str,
    right: Callable[[Sequence[Any]], Any],
    copies: int = 2,
    lost: bool = False,
) -> Table:
    """Delivers the messages in every order, each `copies` times, to each handler, and counts what is left.

    look: a SELECT whose one value is looked at. right(messages that came, in the order in which they were sent): what
    that value must be. lost: every choice of messages that never come, too, except that all are lost.
    """
    columns = ("", "deliveries tried", "end right", "different ends")
    kept = _choices(len(messages), lost)
    rows = []
    saved = SavedRows(scratch.url("admin"), tables)
    try:
        with scratch.connect() as conn:
            for name, handle in handlers.items():
                ends, good, tried = set(), 0, 0
                for keep in kept:
                    wanted = right([messages[n] for n in keep])
                    for order in orders([copies if n in keep else 0 for n in range(len(messages))]):
                        saved()
                        for n in order:
                            handle(conn, messages[n])
                        end = conn.execute(look.encode()).fetchone()
                        assert end is not None
                        tried, good = tried + 1, good + (end[0] == wanted)
                        ends.add(end[0])
                rows.append((name, tried, good, len(ends)))
        saved()
    finally:
        saved.close()
    return Table(columns, tuple(rows), len(rows), "every order of all copies, run against the server")


def _choices(count: int, lost: bool) -> list[tuple[int, ...]]:
    whole = tuple(range(count))
    return [c for size in range(1, count + 1) for c in combinations(whole, size)] if lost else [whole]
