"""Judging one answer: the same few steps in the notebook, on the command line and in a graded class."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, closing
from typing import Any

import psycopg
import redis

from grader import catalog
from grader.checks.exercise import (
    Exercise,
    InfrastructureFault,
    LabChecks,
    NotAnswered,
    Rejected,
)
from grader.instruments.fetch import TooManyRows
from grader.judge.answer import JudgedAnswer
from grader.judge.bench import JudgedBench
from grader.judge.launch import Launcher, TrustedLauncher
from grader.judge.stock import Stock
from grader.verdict import Status, Verdict

ATTEMPTS = 3  # an infrastructure fault is tried again at most twice

_trusted: TrustedLauncher | None = None


class UnknownExercise(ValueError):
    """No such lab or exercise; the message names what there is."""


def trusted_launcher() -> TrustedLauncher:
    """The process-wide launcher for one's own code."""
    global _trusted  # noqa: PLW0603 - one warm parent a process is the point
    if _trusted is None:
        _trusted = TrustedLauncher()
    return _trusted


def load_checks(slug: str) -> LabChecks:
    """The checks of a lab named by its slug, number or name. Raises UnknownExercise."""
    try:
        try:
            unit = catalog.unit(slug)
        except catalog.CatalogError:  # checks may be at work before the lab's text is written
            if not catalog.SLUG.fullmatch(slug):
                raise
            unit = catalog.Unit(slug, catalog.root())
        checks = unit.checks()
    except catalog.CatalogError as error:
        raise UnknownExercise(str(error)) from None
    assert isinstance(checks, LabChecks)
    return checks


def find_exercise(checks: LabChecks, name: str) -> Exercise[Any]:
    if name not in checks.exercises:
        raise UnknownExercise(
            f"Lab {checks.slug} has no exercise {name!r}; it has {', '.join(checks.exercises)}."
        )
    return checks.exercises[name]


def default_seed() -> int:
    """The private parameters of whoever names none: $GRADER_SEED, else 1."""
    return int(os.environ.get("GRADER_SEED", "1"))


def judge_answer(
    lab: str | LabChecks,
    exercise: str,
    source: str,
    *,
    seed: int | None = None,
    launcher: Launcher | None = None,
    schedule: str | None = None,
    stock: Stock | None = None,
) -> Verdict:
    """The verdict on `source` as the answer to `exercise`.

    seed: the private parameters; by default $GRADER_SEED, else 1.
    schedule: replay only this schedule, as a counterexample names it (exercises that explore schedules).
    stock: databases made ahead, for a process that judges again and again and tends it in between.
    Raises UnknownExercise only: whatever the answer does, and whatever happens to the servers, is in the verdict.
    """
    checks = load_checks(lab) if isinstance(lab, str) else lab
    found = find_exercise(checks, exercise)
    seed = default_seed() if seed is None else seed
    launcher = launcher or trusted_launcher()
    fault = ""
    for attempt in range(1, ATTEMPTS + 1):
        started = time.monotonic()
        try:
            return _judge_once(checks, found, source, seed, launcher, started, attempt, schedule, stock)
        except (
            InfrastructureFault,
            OSError,
            psycopg.Error,
            redis.RedisError,
        ) as error:
            fault = f"{type(error).__name__}: {error}"
        except Exception as error:  # a bug in a check is our fault, never the learner's zero
            fault = f"the check itself failed with {type(error).__name__}: {error}"
            if os.environ.get("GRADER_DEBUG"):
                raise
    message = f"Not judged, and not held against you: {fault} (tried {ATTEMPTS} times)."
    return Verdict(checks.slug, exercise, Status.INFRA, found.points, message=message)


def _judge_once(
    checks: LabChecks,
    exercise: Exercise[Any],
    source: str,
    seed: int,
    launcher: Launcher,
    started: float,
    attempt: int,
    schedule: str | None,
    stock: Stock | None,
) -> Verdict:
    notes = {"box": launcher.name, "attempt": attempt}
    with ExitStack() as stack:
        place = stack.enter_context(launcher.open())
        bench = stack.enter_context(closing(JudgedBench(place, exercise.id, seed, schedule, stock)))
        status, message = Status.JUDGED, ""
        try:
            answer = stack.enter_context(closing(JudgedAnswer(source, exercise, checks.context, place)))
            history = exercise.drive(answer, bench)
        except NotAnswered:
            status, message = Status.NOT_ANSWERED, "Not answered yet."
        except (Rejected, TooManyRows) as error:
            status, message = Status.REJECTED, str(error)
        if status is not Status.JUDGED:
            return Verdict(checks.slug, exercise.id, status, exercise.points, message=message, notes=notes)
        findings = exercise.judge(history, lenient=not os.environ.get("GRADER_DEBUG"))
        return Verdict(
            checks.slug,
            exercise.id,
            status,
            exercise.points,
            findings,
            coverage=exercise.coverage(history),
            output=getattr(history, "output", "") or "",
            seconds=round(time.monotonic() - started, 4),
            notes=notes,
        )
