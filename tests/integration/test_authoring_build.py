"""`grader build` on a small course: what it writes, what it refuses, and that it is all or nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from grader import catalog
from grader.authoring.build import build, drift
from grader.authoring.source import SourceError

SAMPLE = Path(__file__).parent.parent / "sample"
LAB = "solutions/91-sampler.py"


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """The sample course, built once: a lesson is run for it."""
    root = tmp_path_factory.mktemp("built")
    shutil.copytree(SAMPLE, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    build(catalog.units(root), root, say=lambda line: None)
    return root


@pytest.fixture
def course(built, tmp_path) -> Path:
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def edit(course: Path, path: str, old: str, new: str) -> None:
    text = (course / path).read_text()
    assert old in text
    (course / path).write_text(text.replace(old, new))


def rebuild(course: Path) -> list[str]:
    said: list[str] = []
    build(catalog.units(course), course, said.append)
    return said


def cells(course: Path) -> dict[str, dict]:
    notebook = json.loads((course / "labs/91-sampler/91-sampler.ipynb").read_text())
    return {c["metadata"].get("nbgrader", {}).get("grade_id", ""): c for c in notebook["cells"]}


def test_the_learners_version_has_stubs_and_locked_checks(course):
    found = cells(course)
    assert "".join(found["area"]["source"]).endswith("# YOUR CODE HERE\n    raise NotImplementedError()")
    assert "".join(found["big_orders"]["source"]) == "%%sql big_orders\n-- YOUR ANSWER HERE"
    assert "".join(found["forecast"]["source"]) == "# YOUR ANSWER HERE\nforecast = None"
    assert (
        "".join(found["context"]["source"])
        == 'from grader import Lab\nimport math\n\nRADIUS = 2\n\nlab = Lab("91-sampler")'
    )
    check = found["check-area"]["metadata"]["nbgrader"]
    assert (check["grade"], check["locked"], check["points"]) == (True, True, 4.0)
    assert found["check-area"]["source"] == ['lab.check("area")']


def test_the_first_cell_says_that_all_is_generated(course):
    for folder in ("labs", "solutions"):
        notebook = json.loads((course / folder / "91-sampler/91-sampler.ipynb").read_text())
        assert "100 % generated" in "".join(notebook["cells"][0]["source"])


def test_the_lesson_keeps_its_outputs(course):
    lesson = json.loads((course / "notebooks/91-sampler.ipynb").read_text())
    assert lesson["cells"][1]["outputs"][0]["text"] == ["6\n"]


def test_building_again_changes_nothing(course):
    before = files(course)
    assert rebuild(course) == []
    assert files(course) == before
    assert drift(catalog.units(course), course) == []


def test_a_second_machine_makes_the_same_bytes(built, tmp_path):
    shutil.copytree(SAMPLE / "solutions", tmp_path / "solutions")
    shutil.copytree(SAMPLE / "checks", tmp_path / "checks")
    build(catalog.units(tmp_path), tmp_path, say=lambda line: None)
    for path in ("solutions/91-sampler/91-sampler.ipynb", "labs/91-sampler/91-sampler.ipynb"):
        assert (tmp_path / path).read_bytes() == (built / path).read_bytes()


def test_an_insertion_keeps_every_cell_id(course):
    before = {c["id"] for c in cells(course).values()}
    edit(
        course,
        LAB,
        "# %% [markdown]\n# ## Forecast",
        "# %% [markdown]\n# Take your time.\n\n# %% [markdown]\n# ## Forecast",
    )
    rebuild(course)
    assert before <= {c["id"] for c in cells(course).values()} | before
    assert all(cells(course)[name]["id"] in before for name in ("area", "check-area", "forecast"))


def test_drift_names_each_file(course):
    edit(course, LAB, "# ## Area of a circle", "# ## The area of a circle")
    edit(course, "notebooks/91-sampler.py", "The lesson of", "A lesson of")
    (course / "labs/91-sampler/notes.txt").write_text("mine")
    before = files(course)
    assert drift(catalog.units(course), course) == [
        "solutions/91-sampler/91-sampler.ipynb differs from its source.",
        "labs/91-sampler/91-sampler.ipynb differs from its source.",
        "labs/91-sampler/notes.txt has no source any more.",
        "notebooks/91-sampler.ipynb differs from its source.",
    ]
    assert files(course) == before


def test_what_has_no_source_any_more_is_removed(course):
    old = course / "labs/92-gone/92-gone.ipynb"
    old.parent.mkdir()
    old.write_text("{}")
    assert rebuild(course) == ["removed labs/92-gone/92-gone.ipynb"]
    assert not old.parent.exists()


@pytest.mark.parametrize(
    ("path", "old", "new", "words"),
    [
        (LAB, "# %% context", "# %%\nx = 1\n\n# %% context", "the first code cell must be `# %% context`"),
        (LAB, '# %% check="area"\n', "", r"`# %% check=\"...\"` cells are \['big_orders', 'forecast'\]"),
        (LAB, '# %% check="area"\n', '# %% check="area"\nprint(1)\n', "must be empty"),
        (LAB, "    ### BEGIN SOLUTION\n", "", "END SOLUTION without BEGIN"),
        (LAB, "# %%sql big_orders", "# %%sql orders", "its first line must be `# %%sql big_orders`"),
        (LAB, "def area(radius: float) -> float:", "def area(radius: float) -> float", "does not parse"),
        (
            LAB,
            "at least 50?",
            "at least 50? `SELECT count(*) FROM amounts WHERE amount >= 50;`",
            "gives away the solution of big_orders",
        ),
        ("notebooks/91-sampler.py", "print(sum(range(4)))", "print(1 / 0)", "ZeroDivisionError"),
        (
            "notebooks/91-sampler.py",
            "print(sum(range(4)))",
            "import warnings; warnings.warn('old')",
            "writes to stderr",
        ),
        (
            "notebooks/91-sampler.py",
            "print(sum(range(4)))",
            "import os; print(os.getcwd() + '/x')",
            "shows a path of this machine",
        ),
    ],
)
def test_a_source_that_breaks_the_rules_leaves_everything_as_it_was(course, path, old, new, words):
    edit(course, path, old, new)
    edit(course, LAB, "One exercise of each kind.", "Three exercises.")
    before = files(course)
    with pytest.raises(SourceError, match=words):
        rebuild(course)
    assert files(course) == before


def test_a_file_beside_the_solution_is_refused_and_an_asset_released(course):
    stray = course / "solutions/91-sampler/notes.txt"
    stray.write_text("area = math.pi * radius**2")
    with pytest.raises(SourceError, match=r"notes\.txt would be handed to learners"):
        rebuild(course)
    stray.unlink()
    (course / "solutions/91-sampler/assets").mkdir()
    (course / "solutions/91-sampler/assets/amounts.csv").write_text("5\n50\n")
    assert rebuild(course) == ["wrote labs/91-sampler/assets/amounts.csv"]


def test_an_asset_may_not_give_a_solution_away(course):
    (course / "solutions/91-sampler/assets").mkdir()
    (course / "solutions/91-sampler/assets/hint.sql").write_text(
        "select 1;\nSELECT count(*) FROM amounts WHERE amount >= 50;\n"
    )
    with pytest.raises(SourceError, match=r"assets/hint\.sql gives away the solution of big_orders"):
        rebuild(course)
