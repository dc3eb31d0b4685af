"""nbgrader's autograde with the course's judge in place of running the learner's notebook.

The steps are nbgrader's own apart from two: the submission is rebuilt from the release when it is read, and the
outputs of the check cells come from the judge. An assignment that is no lab of the course is left to nbgrader.
"""

from __future__ import annotations

import atexit
import json
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader.preprocessors import Execute  # type: ignore[import-untyped]
from traitlets import Bool, Unicode

from grader import catalog
from grader.classroom import intake
from grader.classroom.boxes import proven_box
from grader.classroom.crew import LocalCrew, judge_all
from grader.classroom.outputs import check_outputs
from grader.classroom.rebuild import why_unreadable
from grader.classroom.seed import course_seed
from grader.classroom.work import Work
from grader.judge import cells
from grader.verdict import Status, Verdict

_crew: LocalCrew | None = None


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
    seed_file = Unicode(
        "", help="The course's private seed, for `grader grade` too; by default the one in the course's home."
    ).tag(config=True)

    def preprocess(self, nb: Any, resources: Any = None, km: Any = None) -> tuple[Any, Any]:
        unit = lab_of(resources)
        if unit is None:
            run: tuple[Any, Any] = super().preprocess(nb, resources, km)
            return run
        box, _ = proven_box("trusted" if self.trusted else "")
        seed = course_seed(Path(self.seed_file).expanduser() if self.seed_file else None)
        verdicts = judge_notebook(unit, nb, box, seed)
        for cell in nb.cells:
            exercise = cells.exercise_checked(cell)
            if exercise:
                cell.outputs = [nbformat.from_dict(o) for o in check_outputs(verdicts[exercise])]  # type: ignore[no-untyped-call]
        return nb, resources


def judge_notebook(unit: catalog.Unit, notebook: dict[str, Any], box: str, seed: int) -> dict[str, Verdict]:
    """exercise -> verdict for the check cells of a rebuilt notebook, judged as `grader grade` judges.

    box: "bubblewrap", "landlock" or "trusted". Raises NotJudged when the fault is ours.
    """
    exercises = unit.checks().exercises
    asked = [name for name in map(cells.exercise_checked, notebook["cells"]) if name]
    if unknown := [name for name in asked if name not in exercises]:
        raise NotJudged(
            f"{unit.slug} has no exercise {unknown[0]} any more: `grader build`, then generate it again."
        )
    if why := why_unreadable(notebook):
        points = {name: float(exercises[name].points) for name in asked}
        return {n: Verdict(unit.slug, n, Status.REJECTED, points[n], message=why) for n in asked}
    answers = cells.answers(notebook, asked)
    work = Work("", unit.slug, answers, seed, box, str(unit.root))
    verdicts = {n: Verdict.from_json(v) for n, v in _judged(work)["verdicts"].items()}
    for name, verdict in verdicts.items():
        if verdict.status is Status.INFRA:
            raise NotJudged(f"{name}: {verdict.message} Run autograde again for this student.")
    return verdicts


def _judged(work: Work) -> dict[str, Any]:
    """The work's result, from a process of its own: what an answer makes a server send cannot end nbgrader's."""
    global _crew  # noqa: PLW0603 - one process serves all submissions of a command
    if _crew is None:
        _crew = LocalCrew(1)
        atexit.register(_crew.close)
    (outcome,) = judge_all(_crew, [work])
    if outcome.result is None:
        raise NotJudged(f"{outcome.fault}. Run autograde again for this student.")
    return outcome.result


def read_submission(path: Path, unit: catalog.Unit) -> dict[str, Any]:
    """A submitted file as a notebook of the release's shape, whatever the file holds."""
    student = path.parts[-3]
    return intake.take(student, path, json.loads(unit.lab.read_bytes())).notebook


def lab_of(resources: Any) -> catalog.Unit | None:
    """The lab nbgrader is at work on, None for an assignment that is not one of the course's."""
    assignment = (resources or {}).get("nbgrader", {}).get("assignment", "")
    unit = next((u for u in catalog.units() if u.slug == assignment), None)
    return unit if unit is not None and unit.lab.is_file() else None


def _is_rebuilt(path: Path) -> bool:
    """The second reading, of the copy the first one wrote."""
    return path.parts[-4:-3] == ("autograded",)
