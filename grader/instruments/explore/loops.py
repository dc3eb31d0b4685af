"""Callers that ask again and again: when a run sees one, and when others should come."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from grader.instruments.explore.run import Run
from grader.instruments.explore.statements import ends_transaction
from grader.instruments.pgwire import Statement

LOOP = 6  # statements of the longest loop that is recognised as one


def spins(
    run: Run, upto: int | None = None, *, times: int = 3, longest: int = LOOP, refused: bool = False
) -> bool:
    """Whether the caller that moved last has for a while only repeated the same few statements, to no effect:
    same parameters, same reply, as a loop around NOWAIT or a lock that is only tried. upto: only so many moves.

    refused: only if the server said no in every turn, so that a turn more or less decides nothing. Two equal
    reads in a row are no such loop: somebody may come between the second and what is done with it.
    """
    choices = run.choices[:upto]
    last = choices[-1].caller if choices else 0
    tail = list(itertools.takewhile(lambda c: c.caller == last, reversed(choices)))[: times * longest]
    if not _period([_text(run, len(choices) - 1 - i) for i in range(len(tail))], times, longest):
        return False
    first = len(choices) - len(tail)
    went = {at: s for kind, s, at in reversed(run.events) if kind == "go" and first <= at < len(choices)}
    turns = [went.get(len(choices) - 1 - i) for i in range(len(tail))]
    said = [s and (s.sql, s.bind, s.sqlstate, tuple(s.raw_rows), s.tag) for s in turns]
    period = _period(said, times, longest)
    if not period or None in said[: times * period]:
        return False
    return not refused or any(s is not None and _refused(s) for s in turns[:period])


def lets_go(run: Run) -> bool:
    """Whether a caller that spins is at a point where others should come: out of its transaction, if its loop ever is.

    Two callers that each hold what the other asks for, and take turns only while they hold it, would go on for ever;
    in real life one of them is soon asked while the other has just rolled back.
    """
    last = run.choices[-1].caller
    tail = list(
        itertools.takewhile(lambda at: run.choices[at].caller == last, reversed(range(len(run.choices))))
    )
    went = {at: s for kind, s, at in reversed(run.events) if kind == "go"}
    ends = [at in went and ends_transaction(went[at].sql) for at in tail[: LOOP + 1]]
    return ends[0] or not any(ends)


def _refused(statement: Statement) -> bool:
    """The server said no: an error, or a lock that was tried in vain."""
    tried = "pg_try_advisory" in statement.sql.lower()
    return bool(statement.error) or (tried and not any(map(any, statement.rows)))


def _text(run: Run, at: int) -> str:
    point = run.points[at]
    return point.texts[point.enabled.index(point.chosen.plain)]


def _period(moves: Sequence[object], times: int, longest: int) -> int:
    """The length of a loop of which the moves, last one first, begin with `times` turns; 0 if there is none."""
    for period in range(1, longest + 1):
        if len(moves) >= times * period and all(moves[i] == moves[i % period] for i in range(times * period)):
            return period
    return 0
