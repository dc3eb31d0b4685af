"""Every order in which the server can get the statements of some functions: the explorer, for a lesson."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import psycopg

from grader.instruments.explore import Exploration, Run, SavedRows, Stage, crashes, explore, timeline
from grader.instruments.explore.threads import thread_caller
from grader.notebook.picture import Picture
from grader.notebook.picture import timeline as picture_of
from grader.notebook.scratch import Scratch
from grader.notebook.stepping import Steps
from grader.notebook.tables import Table

Call = tuple[Any, ...]  # a function of a connection, and its further arguments


def every_order(
    scratch: Scratch,
    calls: Sequence[Call],
    *,
    tables: Mapping[str, str] | Sequence[str],
    look: str,
    wrong: Callable[[list[tuple[Any, ...]], Run], str] = lambda rows, run: "",
    schedule: str | None = None,
) -> Exploration:
    """Runs the calls at once in every order of their statements, each time from the same rows.

    calls: [(function, argument, ...), ...]; each is called with a connection first. tables: what they may
    change, as for `SavedRows`. look: the SELECT whose rows are the state afterwards. wrong(rows, run): what
    is wrong with it, in a sentence, or "". schedule: only this order. The rows are as before afterwards.
    """
    with _stage(scratch, tables, look, len(calls)) as (stage, reset, observe):
        return explore(
            stage,
            [thread_caller(guarded, *call) for call in calls],
            reset=reset,
            observe=observe,
            invariant=lambda run: wrong(run.state, run),
            schedule=schedule,
            reduce=False,
        )


def every_crash(
    scratch: Scratch,
    call: Call,
    *,
    tables: Mapping[str, str] | Sequence[str],
    look: str,
    wrong: Callable[[list[tuple[Any, ...]], Run], str],
) -> Exploration:
    """Runs the call alone and lets it die before each statement, lose its connection before each, or after
    each took effect and before the reply. Arguments as for `every_order`."""
    with _stage(scratch, tables, look, 1) as (stage, reset, observe):
        return crashes(
            stage,
            thread_caller(guarded, *call),
            reset=reset,
            observe=observe,
            invariant=lambda run: wrong(run.state, run),
        )


@contextlib.contextmanager
def _stage(
    scratch: Scratch, tables: Mapping[str, str] | Sequence[str], look: str, callers: int
) -> Iterator[tuple[Stage, SavedRows, Callable[[], Any]]]:
    """A stage over the scratch database; the rows are brought back at the end."""
    reset = SavedRows(scratch.url("admin"), tables)
    try:
        with (
            scratch.connect("admin") as observer,
            Stage(scratch.url(), scratch.url("admin"), callers=callers) as stage,
        ):
            yield stage, reset, lambda: observer.execute(look.encode()).fetchall()
        reset()
    finally:
        reset.close()


def guarded(connection: psycopg.Connection[Any], function: Callable[..., Any], *args: Any) -> Any:
    """What a connection pool does: the next borrower gets a connection without an open transaction."""
    connection.isolation_level = None
    connection.prepare_threshold = None  # else later runs send other statements than earlier ones
    try:
        value = function(connection, *args)
    except BaseException:
        if not connection.closed and connection.info.transaction_status:
            connection.rollback()
        raise
    return value


def compare(found: Mapping[str, Exploration]) -> Table:
    """What each way of doing it costs, counted over every order: one row each."""
    columns = ("", "orders", "wrong", "somebody waits", "somebody is refused", "most statements")
    rows = tuple(
        (
            name,
            len(one.runs),
            len(one.failures),
            sum(bool(r.waits) for r in one.runs),
            sum(bool(r.serialization_failures or r.deadlocks) for r in one.runs),
            max((len(r.statements) for r in one.runs), default=0),
        )
        for name, one in found.items()
    )
    return Table(columns, rows, len(rows), "counts of orders, and of statements in the longest one")


def steps(run: Run, conclusion: str = "", names: Sequence[str] = ()) -> Steps:
    """One order, to step through. names: of the calls, in place of T1, T2, ..."""
    return Steps(story(run, conclusion, names))


def still(run: Run, conclusion: str = "", names: Sequence[str] = ()) -> Picture:
    """One order, whole."""
    return picture_of(story(run, conclusion, names))


def story(
    run: Run, conclusion: str = "", names: Sequence[str] = (), *, merged: bool = False
) -> dict[str, Any]:
    """One order as timeline data. conclusion: said beneath a run with which nothing is wrong, or in place of its problem.

    merged: one column a caller, where the explorer tells its connections apart ("T1", "T1r").
    """
    data = timeline(run, conclusion)
    called = {f"T{number}": name for number, name in enumerate(names, 1)}

    def named(lane: Any) -> Any:
        caller = re.match(r"T\d+", str(lane)) if merged else None
        return called.get(caller[0], caller[0]) if caller else called.get(lane, lane)

    return {
        **data,
        "lanes": list(dict.fromkeys(named(lane) for lane in data["lanes"])),
        "steps": [{**s, "lane": named(s["lane"]), "waits_for": named(s["waits_for"])} for s in data["steps"]],
        "broken_at": data["broken_at"] if run.problem else None,
    }
