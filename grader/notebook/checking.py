"""One check in the notebook: find the source, have it judged, record it, show it."""

from __future__ import annotations

import builtins
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from grader.notebook.attempts import Attempts
from grader.notebook.errors import LabError
from grader.notebook.history import AnswerMissing, find_answer
from grader.notebook.judge_client import JudgeClient, JudgeFailed
from grader.notebook.results import CheckResult, Note
from grader.show.headline import headline
from grader.verdict import Outcome, Status, Verdict

if TYPE_CHECKING:
    from grader.checks.exercise import Exercise

_UNDEFINED = re.compile(r"name '(\w+)' is not defined")


@dataclass(frozen=True)
class Desk:
    """What a check needs of the notebook it runs in.

    cells: raw texts of executed cells; names: the kernel's namespace; labs: names bound to a Lab;
    rich: whether the front end renders HTML.
    """

    lab: str
    judge: JudgeClient
    attempts: Attempts
    cells: Sequence[str]
    names: Mapping[str, Any]
    labs: Collection[str]
    rich: bool = True


def check(desk: Desk, exercise: Exercise[Any]) -> CheckResult:
    """Prints one line, returns the card. Never raises for what the answer does, never writes to stderr."""
    line = _Line(exercise.id)
    try:
        source = find_answer(desk.cells, exercise.binds, desk.labs)
    except AnswerMissing as missing:
        return _show(desk, line, _unjudged(desk, exercise, Status.NOT_ANSWERED, str(missing)))
    verdict = _judge(desk, exercise, source, line)
    if verdict.status is not Status.INFRA:
        desk.attempts.record_check(verdict, source)
    return _show(desk, line, explain_undefined(verdict, desk.names))


def replay(desk: Desk, exercise: Exercise[Any], schedule: str) -> Any:
    """The answer under one schedule: the timeline of what broke, to step through; a note if nothing did.

    Raises LabError for what is no schedule.
    """
    from grader.instruments.explore import parse
    from grader.notebook.stepping import Steps

    try:
        parse(schedule)
    except ValueError as error:
        raise LabError(str(error)) from None
    line = _Line(exercise.id)
    try:
        source = find_answer(desk.cells, exercise.binds, desk.labs)
    except AnswerMissing as missing:
        return _show(desk, line, _unjudged(desk, exercise, Status.NOT_ANSWERED, str(missing)))
    verdict = _judge(desk, exercise, source, line, schedule)
    failed_first = sorted(verdict.findings, key=lambda f: f.outcome is not Outcome.FAIL)
    timelines = [e for f in failed_first for e in f.evidence if e.kind == "timeline"]
    if timelines:
        line.end(f"under the schedule {schedule}")
        return Steps(timelines[0].data)
    if not verdict.passed:
        return _show(desk, line, explain_undefined(verdict, desk.names))
    line.end("nothing to step through")
    return Note(f"Schedule {schedule}", "Every property holds under this one schedule.")


def explain_undefined(verdict: Verdict, names: Mapping[str, Any]) -> Verdict:
    """Says so when the answer used a name that only another cell of the notebook defines."""
    told = [verdict.message, *(f.happened for f in verdict.findings)]
    used = dict.fromkeys(n for text in told for n in _UNDEFINED.findall(text))
    elsewhere = [n for n in used if n in names and not hasattr(builtins, n)]
    if not elsewhere:
        return verdict
    listed = " and ".join(f"`{n}`" for n in elsewhere)
    verb, it = ("is", "it") if len(elsewhere) == 1 else ("are", "them")
    advice = (
        f"Your answer uses {listed}, which {verb} defined in another cell: "
        f"the judge runs the answer's cell alone, so move {it} in."
    )
    findings = tuple(
        replace(f, misconception=advice) if _UNDEFINED.search(f.happened) else f for f in verdict.findings
    )
    return replace(verdict, message=f"{verdict.message} {advice}".strip(), findings=findings)


def _judge(
    desk: Desk, exercise: Exercise[Any], source: str, line: _Line, schedule: str | None = None
) -> Verdict:
    try:
        return desk.judge.judge(desk.lab, exercise.id, source, schedule=schedule, waiting=line.wait)
    except KeyboardInterrupt:
        return _unjudged(
            desk, exercise, Status.INFRA, "Interrupted: nothing was recorded, and the next check works."
        )
    except JudgeFailed as failed:
        return _unjudged(desk, exercise, Status.INFRA, f"Not judged, and not held against you: {failed}")


def _unjudged(desk: Desk, exercise: Exercise[Any], status: Status, message: str) -> Verdict:
    return Verdict(desk.lab, exercise.id, status, exercise.points, message=message)


def _show(desk: Desk, line: _Line, verdict: Verdict) -> CheckResult:
    result = CheckResult(verdict)
    line.end(headline(verdict))
    if not desk.rich:
        print(result.text, flush=True)
    return result


class _Line:
    """The one line a check prints; says that it is still working when that takes more than a second."""

    def __init__(self, exercise: str) -> None:
        self.exercise = exercise
        self.waited = False

    def wait(self, seconds: float) -> None:
        if not self.waited:
            print(f"{self.exercise}: checking... ", end="", flush=True)
            self.waited = True

    def end(self, text: str) -> None:
        print(text if self.waited else f"{self.exercise}: {text}", flush=True)
