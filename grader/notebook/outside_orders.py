"""Every order of some functions' steps in Postgres and at the payment provider together: the explorer, for a lesson.

    found = pay_at_once(db, outside, [(pay, "k1"), (pay, "k1")], tables=["keys"], look=look, wrong=twice)
    steps(found.counterexample, names=("first", "second"))

Each function is called with a connection, a `PaymentClient` and its further arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from grader.instruments.explore import PATIENT, Caller, Exploration, Run, SavedRows, Stage, explore
from grader.instruments.explore.threads import thread_caller
from grader.instruments.joining import join
from grader.notebook import every_order
from grader.notebook.outside import Outside
from grader.notebook.scratch import Scratch
from grader.notebook.stepping import Steps

_REPLY = re.compile(r'^(\d{3}) \{"id": "(\w+)".*$')  # "201 ch_1" is enough of a charge


def pay_at_once(
    scratch: Scratch,
    outside: Outside,
    calls: Sequence[tuple[Any, ...]],
    *,
    tables: Mapping[str, str] | Sequence[str],
    look: str,
    wrong: Callable[[list[tuple[Any, ...]], Run], str],
) -> Exploration:
    """Runs the calls at once in every order of their statements and requests, each time from the same rows and books.

    Arguments as for `every_order`; wrong may look at `outside.bank` too.
    """
    with ExitStack() as stack:
        saved = SavedRows(scratch.url("admin"), tables)
        stack.callback(saved.close)
        stack.callback(saved)
        observer = stack.enter_context(scratch.connect("admin"))
        stage = stack.enter_context(Stage(scratch.url(), scratch.url("admin"), callers=len(calls)))
        joined = join(stage, outside.journal)
        stack.callback(outside.forget)
        stack.callback(joined.end)

        def reset() -> None:
            outside.forget()
            joined.clear()
            saved()

        return explore(
            stage,
            [_caller(outside, f"T{number}", call) for number, call in enumerate(calls, 1)],
            reset=reset,
            observe=lambda: observer.execute(look.encode()).fetchall(),
            invariant=lambda run: wrong(run.state, run),
            reduce=False,
            limits=PATIENT,
        )


def _caller(outside: Outside, lane: str, call: tuple[Any, ...]) -> Caller:
    function, *arguments = call
    client = outside.client(outside.bank, lane)

    return thread_caller(every_order.guarded, function, client, *arguments)


def steps(run: Run, names: Sequence[str]) -> Steps:
    """One order, to step through: a column for each caller, its requests to the provider among its statements.

    A run with a problem is marked at the last charge, for that was the one too many.
    """
    data = every_order.story(run, names=names, merged=True)
    told = [{**step, "result": _REPLY.sub(r"\1 \2", step["result"])} for step in data["steps"]]
    charges = [n for n, step in enumerate(told) if step["text"].startswith("provider: charge")]
    broken = charges[-1] if run.problem and charges else None
    return Steps({**data, "lanes": list(names), "steps": told, "broken_at": broken})
