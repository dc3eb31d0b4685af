"""The contract every lab keeps, over all labs that are there. Nothing here names a lab."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from grader import catalog
from grader.authoring.build import drift, plan_labs, solution_fragments
from grader.authoring.leaks import leaks
from grader.authoring.matrix import prepare
from grader.authoring.verify import verify

ROOT = Path(__file__).parent.parent
LABS = catalog.labs(ROOT)
JUDGED = catalog.judged(ROOT)  # with the units whose lab is being written
UNITS = catalog.units(ROOT)
EXERCISES = [(unit, exercise) for unit in JUDGED for exercise in unit.checks().exercises]


def marks(unit):
    """A draft's answers are judged by the campaign alone."""
    return [pytest.mark.campaign(only=True)] if unit.draft else []


each_lab = pytest.mark.parametrize("unit", LABS, ids=lambda unit: unit.slug)
each_whole_lab = pytest.mark.parametrize("unit", [pytest.param(u, id=u.slug, marks=marks(u)) for u in LABS])
each_exercise_judged = pytest.mark.parametrize(
    ("unit", "exercise"), [pytest.param(u, e, id=f"{u.slug}-{e}", marks=marks(u)) for u, e in EXERCISES]
)
each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.slug)
each_exercise = pytest.mark.parametrize(
    ("unit", "exercise"), EXERCISES, ids=[f"{unit.slug}-{exercise}" for unit, exercise in EXERCISES]
)


@pytest.fixture(autouse=True)
def this_checkout(monkeypatch):
    monkeypatch.setenv("GRADER_ROOT", str(ROOT))


@each_unit
def test_what_is_generated_is_what_the_sources_say(unit):
    assert drift([unit], ROOT) == []


@each_lab
def test_building_twice_gives_the_same_bytes(unit):
    first, second = plan_labs([unit], ROOT), plan_labs([unit], ROOT)
    assert first.problems == []
    assert first.files == second.files


@each_lab
def test_every_exercise_has_its_variants_and_every_property_is_killed(unit):
    assert prepare(unit)[0].gaps == []


@each_exercise_judged
@pytest.mark.server
def test_each_answer_gets_what_it_must(services, unit, exercise):
    rows = verify(unit, exercise=exercise, workers=1).rows
    assert {row.variant.name: row.problems for row in rows if row.problems} == {}


@each_whole_lab
@pytest.mark.server
@pytest.mark.campaign
def test_runs_under_load_give_one_verdict(services, unit):
    """The campaign judges everything twenty times; its sample the first exercise twice."""
    whole = bool(os.environ.get("GRADER_CAMPAIGN"))
    first = next(iter(unit.checks().exercises))
    matrix = verify(unit, exercise="" if whole else first, repeat=20 if whole else 2, load=True)
    assert {row.variant.name: row.changed for row in matrix.rows if row.changed} == {}


@each_exercise_judged
@pytest.mark.server
@pytest.mark.campaign(only=True)
def test_no_seed_makes_a_right_answer_wrong(services, unit, exercise):
    """Nor a wrong one right: every answer with twenty sets of private parameters."""
    rows = verify(unit, exercise=exercise, seeds=20, workers=1).rows
    assert {row.variant.name: row.problems for row in rows if row.problems} == {}


@each_exercise
def test_read_on_names_a_section_of_the_lesson(unit, exercise):
    """ "02-indexing: Statistics" sends the reader to a heading of that lesson, if the lesson is written."""
    found = unit.checks().exercises[exercise]
    for read in {found.read, *(p.read for p in found.properties)} - {""}:
        if read.startswith(("http://", "https://")):
            continue
        slug, _, section = read.partition(": ")
        lesson = catalog.unit(slug, ROOT).lesson_source
        if lesson.is_file():
            headings = [
                line.lstrip("# ").strip() for line in lesson.read_text().splitlines() if line[:3] == "# #"
            ]
            assert section in headings, f"{read!r} is no section of {lesson.name}"


def test_variants_belong_to_units():
    folders = {p.name for p in (ROOT / "tests/labs").glob("[!_]*/")}
    assert folders <= {unit.slug for unit in JUDGED}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> dict[str, str]:
    """path -> text of every file of the wheel, built as an installer would."""
    from hatchling.builders.wheel import WheelBuilder

    (made,) = WheelBuilder(str(ROOT)).build(
        directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"]
    )
    with zipfile.ZipFile(made) as archive:
        return {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}


def test_the_wheel_holds_the_package_alone(wheel):
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"grader", "backend_mentor"}
    assert "grader/authoring/scaffold/lab.txt" in wheel


@each_lab
def test_nothing_of_the_solutions_is_in_the_wheel(unit, wheel):
    assert leaks(solution_fragments(unit), wheel) == []
