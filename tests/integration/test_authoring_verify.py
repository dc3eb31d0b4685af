"""`grader verify` finds every kind of surprise; what `grader new` writes builds and verifies as it stands."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path

import pytest

from grader import catalog
from grader.authoring import commands
from grader.authoring.matrix import prepare
from grader.authoring.print_matrix import print_matrix
from grader.authoring.verify import verify

SAMPLE = Path(__file__).parent.parent / "sample"
pytestmark = pytest.mark.server


@pytest.fixture
def course(tmp_path, monkeypatch, services) -> Path:
    shutil.copytree(SAMPLE, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("GRADER_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def variants(course) -> Path:
    return course / "tests/labs/91-sampler"


def problems(exercise: str) -> dict[str, str]:
    matrix = verify(catalog.unit("91"), exercise=exercise, workers=1)
    return {row.variant.name: " ".join(row.problems) for row in matrix.rows if row.problems}


def test_the_sample_is_whole(course):
    matrix = verify(catalog.unit("91"), workers=1)
    assert matrix.ok, matrix.to_json()
    assert matrix.to_json()["judged"] == 27


def test_repetitions_in_a_pool_under_load_are_counted(course):
    matrix = verify(catalog.unit("91"), exercise="forecast", repeat=2, load=True)
    assert matrix.ok, matrix.to_json()
    assert matrix.to_json()["judged"] == 18


def test_a_verdict_that_changes_is_reported(course, variants):
    (variants / "forecast/accept_once.py").write_text(
        "# accepts: right the first time only\n"
        f"from pathlib import Path\nmark = Path({str(course / 'mark')!r})\n"
        "forecast = 7 if mark.exists() else 1024\nmark.touch()\n"
    )
    matrix = verify(catalog.unit("91"), exercise="forecast", repeat=2, workers=1)
    (row,) = [row for row in matrix.rows if row.changed]
    assert row.variant.name == "accept_once" and not row.problems and not matrix.ok
    assert row.changed[0].startswith("repetition 2: doubles PASS became FAIL")


def test_an_answer_that_is_judged_wrongly_with_one_seed_alone_is_found(variants, monkeypatch):
    """The first seed's parameters can be remembered; those of the next one are others."""
    monkeypatch.delenv("GRADER_SEED", raising=False)
    first = random.Random(hashlib.sha256(b"1/area/radius").digest()).randrange(4, 1000)
    (variants / "area/accept_remembered.py").write_text(
        "# accepts: with the first seed alone\n"
        f"def area(radius):\n    return math.pi * radius**2 if radius in (1, 3, {first}) else 0.0\n"
    )
    assert verify(catalog.unit("91"), exercise="area", workers=1).ok
    matrix = verify(catalog.unit("91"), exercise="area", seeds=3, workers=1)
    assert matrix.to_json()["judged"] == 30
    (row,) = [row for row in matrix.rows if not row.ok]
    assert row.variant.name == "accept_remembered"
    assert [p.split(" got ")[0] for p in row.problems] == [f"seed {n}: must get full marks," for n in (2, 3)]


def test_the_matrix_is_printed_in_words(course, capsys):
    print_matrix(verify(catalog.unit("91"), exercise="area", workers=1))
    shown = capsys.readouterr().out
    row = next(line for line in shown.splitlines() if "reject_pi_is_three" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == [
        "reject_pi_is_three",
        "pass",
        "FAIL",
        "3",
        "yes",
    ]
    assert "9 answers, 0 misjudged, 0 changed verdicts, 0 gaps" in shown


def test_a_right_answer_among_the_rejected_is_found(variants):
    (variants / "area/reject_nothing.py").write_text(
        '# fails: precise -- "not 3"\ndef area(radius):\n    return math.pi * radius * radius\n'
    )
    assert "must fail precise (is PASS)" in problems("area")["reject_nothing"]


def test_a_wrong_answer_among_the_accepted_is_found(variants):
    (variants / "forecast/accept_wrong.py").write_text("# accepts: hope\nforecast = 7\n")
    assert "must get full marks, got 0 of 1" in problems("forecast")["accept_wrong"]


def test_a_failure_too_many_and_a_message_too_few_are_found(variants):
    (variants / "area/reject_both.py").write_text(
        '# fails: precise -- "tau"\ndef area(radius):\n    return radius\n'
    )
    said = problems("area")["reject_both"]
    assert "must not fail grows_with_the_square" in said and 'lacks "tau"' in said


def test_a_wrong_solution_and_a_stub_that_answers_are_found(course):
    source = course / "solutions/91-sampler.py"
    source.write_text(
        source.read_text()
        .replace("forecast = 2**10", "forecast = 10")
        .replace('# %% answer="forecast"\n', '# %% answer="forecast"\nforecast = 5\n')
    )
    found = problems("forecast")
    assert "must get full marks" in found["solution"]
    assert 'must be "not answered"' in found["stub"]


def test_gaps_and_orphans_show_without_judging(variants):
    for path in (variants / "area").glob("reject_*"):
        if path.name != "reject_pi_is_three.py":
            path.unlink()
    (variants / "area/accept_pow.py").rename(variants / "area/notes.txt")
    (variants / "volume").mkdir()
    (variants / "volume/accept_x.py").write_text("# accepts: x\n")
    matrix, _ = prepare(catalog.unit("91"))
    assert sorted(matrix.gaps) == [
        "area has 1 accept_* variants, needs 2.",
        "area has 1 reject_* variants, needs 5.",
        "area/notes.txt is not EXERCISE/accept_*.py|.sql or EXERCISE/reject_*.py|.sql.",
        "area: no variant fails grows_with_the_square.",
        "tests/labs/91-sampler/volume/ belongs to no exercise.",
    ]


def test_the_command_prints_json_and_its_exit_code(course, capsys):
    assert commands.main(["verify", "91", "--exercise", "forecast", "--json"]) == 0
    (lab,) = json.loads(capsys.readouterr().out)["labs"]
    assert lab["ok"] and lab["judged"] == 9
    (course / "tests/labs/91-sampler/forecast/accept_shift.py").unlink()
    assert commands.main(["verify", "91", "--exercise", "forecast", "--json"]) == 1


def test_a_scaffold_builds_and_verifies(course, capsys):
    for argument in (["new", "57-scaffolded"], ["build", "57"], ["build", "--check", "57"], ["verify", "57"]):
        assert commands.main(argument) == 0, capsys.readouterr()
    assert "0 misjudged" in capsys.readouterr().out


@pytest.mark.parametrize(("slug", "words"), [("57", "not a slug"), ("91-other", "collides with 91-sampler")])
def test_a_bad_slug_is_refused_and_nothing_written(course, slug, words, capsys):
    before = sorted(course.rglob("*"))
    assert commands.main(["new", slug]) == 1
    assert words in capsys.readouterr().err
    assert sorted(course.rglob("*")) == before
