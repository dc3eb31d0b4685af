"""The course's labs as a class hands them in: the strong box and nbgrader's gradebook against the expected scores.

`make test` grades a mixed and an untouched submission of each graded lab; the campaign hands in every accepted
answer, and judges every variant twice, boxed and as a learner judges their own.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

import classroom_course as course
import pytest

from grader import catalog
from grader.authoring.labs import answers as solutions
from grader.authoring.variants import Variant, misjudged, read_variants
from grader.classroom.grade import Options, grade
from grader.classroom.seed import course_seed
from grader.judge import judge_answer
from grader.judge.box.launcher import BoxLauncher
from grader.verdict import Verdict

pytestmark = pytest.mark.server
ROOT = Path(__file__).parents[2]
LABS = [u for u in catalog.labs(ROOT) if u.identifier != "start_here"]
DRAFT = [pytest.mark.campaign(only=True)]  # the campaign alone judges labs whose lesson is not written yet
each_lab = pytest.mark.parametrize(
    "unit", [pytest.param(u, id=u.slug, marks=DRAFT if u.draft else []) for u in LABS]
)
Sources = Mapping[str, str]


@contextmanager
def opened(root: Path, unit: catalog.Unit) -> Iterator[Path]:
    """A course that holds this one lab; `grader` works on it meanwhile."""
    for folder in (f"labs/{unit.slug}", f"solutions/{unit.slug}"):
        shutil.copytree(ROOT / folder, root / folder)
    for file in (f"solutions/{unit.slug}.py", "nbgrader_config.py"):
        shutil.copy(ROOT / file, root / file)
    (root / "notebooks").mkdir()
    (root / "pyproject.toml").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_ROOT", str(root))
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        yield root


def hand_in(root: Path, lab: str, student: str, given: Sources) -> None:
    notebook = copy.deepcopy(json.loads((root / f"labs/{lab}/{lab}.ipynb").read_text()))
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = given.get(name, cell["source"])
    folder = root / "work/course/submitted" / student / lab
    folder.mkdir(parents=True)
    (folder / f"{lab}.ipynb").write_text(json.dumps(notebook))


def in_a_cell(unit: catalog.Unit, variant: Variant) -> str:
    """The answer as it stands in a notebook."""
    bare = (
        unit.checks().exercises[variant.exercise].kind == "sql"
        and (unit.variants / variant.exercise / f"{variant.name}.sql").exists()
    )
    return f"%%sql {variant.exercise}\n{variant.source}" if bare else variant.source


def variants(unit: catalog.Unit, prefix: str = "") -> dict[str, list[Variant]]:
    found: dict[str, list[Variant]] = {name: [] for name in unit.checks().exercises}
    for variant in read_variants(unit)[0]:
        if variant.name.startswith(prefix):
            found[variant.exercise].append(variant)
    return found


def submissions(unit: catalog.Unit) -> tuple[dict[str, Sources], dict[str, dict[str, float]]]:
    """Student -> answers, and student -> expected points."""
    points = {name: float(e.points) for name, e in unit.checks().exercises.items()}
    right, wrong = variants(unit, "accept_"), variants(unit, "reject_")
    given: dict[str, Sources] = {"untouched": {}, "mixed": {}}
    mixed = {n: right[n][-1] if i % 2 else wrong[n][0] for i, n in enumerate(points)}
    given["mixed"] = {n: in_a_cell(unit, v) for n, v in mixed.items()}
    wanted = {"untouched": dict.fromkeys(points, 0.0)}
    wanted["mixed"] = {
        n: points[n]
        if v.expects == "accepts"
        else judge_answer(unit.slug, n, v.source, seed=course_seed()).points
        for n, v in mixed.items()
    }
    if os.environ.get("GRADER_CAMPAIGN"):
        given["solution"] = {name: text for name, (text, _) in solutions(unit).items()}
        for number, row in enumerate(zip_longest(*right.values())):
            given[f"right-{number}"] = {v.exercise: in_a_cell(unit, v) for v in row if v}
        for student, answers in given.items():
            wanted.setdefault(student, {n: points[n] if n in answers else 0.0 for n in points})
    return given, wanted


def scores(root: Path) -> dict[str, dict[str, float | None]]:
    return {
        student: {name.removeprefix("check-"): score for name, score in found.items()}
        for student, found in course.grades(root).items()
    }


@each_lab
def test_a_class_gets_what_its_answers_are_worth(services: object, tmp_path: Path, unit: Any) -> None:
    given, wanted = submissions(unit)
    with opened(tmp_path / "course", unit) as root:
        for student, answers in given.items():
            hand_in(root, unit.slug, student, answers)
        summary = grade(unit.slug, Options(box="bubblewrap", workers=2))
        assert (summary.infrastructure, summary.unreadable, summary.graded) == ({}, {}, len(given))
        assert scores(root) == wanted
        if unit is LABS[0] or os.environ.get("GRADER_CAMPAIGN"):
            (root / "work/course/gradebook.db").unlink()
            shutil.rmtree(root / "work/course/autograded")
            nbgrader(root, "generate_assignment", unit.slug, "--force")
            nbgrader(root, "autograde", unit.slug, "--student=mixed", "--create")
            assert scores(root) == {"mixed": wanted["mixed"]}


def nbgrader(root: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=root, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@each_lab
@pytest.mark.campaign(only=True)
def test_every_variant_gets_the_same_verdict_in_the_box(services: object, unit: Any) -> None:
    wrong = {}
    with BoxLauncher("bubblewrap") as launcher:
        for row in zip_longest(*variants(unit).values()):
            with launcher.submission():
                for variant in filter(None, row):
                    source = in_a_cell(unit, variant)
                    boxed = judge_answer(unit.slug, variant.exercise, source, launcher=launcher)
                    trusted = judge_answer(unit.slug, variant.exercise, variant.source)
                    if (problems := misjudged(variant, boxed)) or outcome(boxed) != outcome(trusted):
                        wrong[variant.exercise, variant.name] = problems, outcome(boxed), outcome(trusted)
    assert wrong == {}


def outcome(verdict: Verdict) -> tuple[object, ...]:
    return verdict.status, verdict.points, [(f.property, f.outcome) for f in verdict.findings]
