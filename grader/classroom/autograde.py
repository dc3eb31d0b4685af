"""nbgrader's autograde with the course's judge in place of running the learner's notebook.

The steps are nbgrader's own apart from two: the submission is rebuilt from the release when it is read, and the
outputs of the check cells come from the judge. An assignment that is no lab of the course is left to nbgrader.
"""

from __future__ import annotations

import atexit
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader.preprocessors import Execute  # type: ignore[import-untyped]
from traitlets import Bool

from grader import catalog
from grader.judge import cells
from grader.classroom.outputs import check_outputs
from grader.classroom.rebuild import rebuild, unreadable, why_unreadable
from grader.judge import Launcher, judge_answer, trusted_launcher
from grader.verdict import Status, Verdict


class NotJudged(Exception):
    """The judge could not do its work: nbgrader leaves this submission ungraded, and a further run takes it up."""


class SubmissionReader(NotebookExporter):
    """Reads a submitted lab as its release plus the answers found; never refuses a file."""

    def from_filename(self, filename: str, resources: Any = None, **kw: Any) -> Any:
        unit = lab_of(resources)
        if unit is None or _is_rebuilt(Path(filename)):
            return super().from_filename(filename, resources=resources, **kw)
        made = nbformat.from_dict(read_submission(Path(filename), unit))  # type: ignore[no-untyped-call]
        return self.from_notebook_node(made, resources=resources, **kw)  # type: ignore[no-untyped-call]


class JudgeAnswers(Execute):  # type: ignore[misc]
    """Fills the check cells of a lab with verdicts; runs any other assignment as nbgrader would."""

    trusted = Bool(
        False, help="Judge without the sandbox: learners' code runs as you. Ask for it by name."
    ).tag(config=True)

    def preprocess(self, nb: Any, resources: Any = None, km: Any = None) -> tuple[Any, Any]:
        unit = lab_of(resources)
        if unit is None:
            run: tuple[Any, Any] = super().preprocess(nb, resources, km)
            return run
        with _launcher(self.trusted) as launcher:
            for cell in nb.cells:
                exercise = cells.exercise_checked(cell)
                if exercise:
                    verdict = judge_cell(unit, nb, exercise, launcher)
                    cell.outputs = [nbformat.from_dict(o) for o in check_outputs(verdict)]  # type: ignore[no-untyped-call]
        return nb, resources


def judge_cell(unit: catalog.Unit, notebook: dict[str, Any], exercise: str, launcher: Launcher) -> Verdict:
    """The verdict on one exercise of a rebuilt notebook. Raises NotJudged when the fault is ours."""
    exercises = unit.checks().exercises
    if exercise not in exercises:
        raise NotJudged(
            f"{unit.slug} has no exercise {exercise} any more: `grader build`, then generate it again."
        )
    points = float(exercises[exercise].points)
    if why := why_unreadable(notebook):
        return Verdict(unit.slug, exercise, Status.REJECTED, points, message=why)
    source = cells.answers(notebook, {exercise}).get(exercise, "")
    verdict = judge_answer(unit.slug, exercise, source, launcher=launcher)
    if verdict.status is Status.INFRA:
        raise NotJudged(f"{exercise}: {verdict.message} Run autograde again for this student.")
    return verdict


def read_submission(path: Path, unit: catalog.Unit) -> dict[str, Any]:
    """A submitted file as a notebook of the release's shape, whatever the file holds."""
    release = json.loads(unit.lab.read_bytes())
    try:
        if path.is_symlink():
            raise cells.Unreadable("The submitted file is a link, not a notebook.")
        return rebuild(release, cells.parse(path.read_bytes()))
    except cells.Unreadable as error:
        return unreadable(release, str(error))


def lab_of(resources: Any) -> catalog.Unit | None:
    """The lab nbgrader is at work on, None for an assignment that is not one of the course's."""
    assignment = (resources or {}).get("nbgrader", {}).get("assignment", "")
    unit = next((u for u in catalog.units() if u.slug == assignment), None)
    return unit if unit is not None and unit.lab.is_file() else None


def _is_rebuilt(path: Path) -> bool:
    """The second reading, of the copy the first one wrote."""
    return path.parts[-4:-3] == ("autograded",)


@contextmanager
def _launcher(trusted: bool) -> Iterator[Launcher]:
    """Trusted only when asked for; otherwise a box, or BoxUnavailable with what to do about it."""
    if trusted:
        yield trusted_launcher()
        return
    boxed = _box()
    with boxed.submission():
        yield boxed


@cache
def _box() -> Any:
    from grader.judge.box.launcher import BoxLauncher

    launcher = BoxLauncher()
    atexit.register(launcher.close)
    return launcher
