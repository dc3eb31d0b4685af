"""A class through nbgrader by its own commands: release, fetch, submit, collect, autograde, feedback, export.

The cycle runs once, on the sample course; the tests look at what it left behind.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import httpx
import nbformat
import pytest

from grader import catalog
from grader.authoring.build import build, drift

TESTS = Path(__file__).parent.parent
LAB = "91-sampler"
POINTS = {
    "untouched": (0, 0, 0),
    "full": (4, 3, 1),
    "mixed": (3, 3, 0),
    "broken": (0, 0, 0),
    "odd": (3, 3, 0),
}
pytestmark = pytest.mark.server


@dataclass(frozen=True)
class Class:
    """The course folder after the cycle, and the environment its commands ran in."""

    root: Path
    environment: dict[str, str]
    said: str

    def nbgrader(self, *arguments: str) -> str:
        return run(self.root, self.environment, *arguments)

    def submitted(self, student: str) -> Path:
        return self.root / "work/course/submitted" / student / LAB / f"{LAB}.ipynb"

    def autograded(self, student: str) -> nbformat.NotebookNode:
        return nbformat.read(self.root / "work/course/autograded" / student / LAB / f"{LAB}.ipynb", 4)


def run(root: Path, environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(
        command, cwd=root, env=environment, text=True, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"nbgrader {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def cycle(tmp_path_factory, services) -> Class:
    root = tmp_path_factory.mktemp("class")
    shutil.copytree(
        TESTS / "sample", root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "notebooks")
    )
    shutil.copy(TESTS.parent / "nbgrader_config.py", root)
    build(catalog.units(root), root, say=lambda line: None)
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("GRADER_ROOT", "GRADER_EXCHANGE")},
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
        "PYTHONPATH": str(TESTS.parent),
        "GRADER_EXCHANGE": str(root / "exchange"),
    }
    made = Class(root, environment, "")
    for command in ("generate_assignment", "release_assignment", "fetch_assignment"):
        made.nbgrader(command, LAB)
    mine = root / "work" / LAB / f"{LAB}.ipynb"
    for student, text in submissions(root, mine.read_text()).items():
        mine.write_text(text)
        made.nbgrader("submit", LAB, f"--CourseDirectory.student_id={student}")
    made.nbgrader("collect", LAB)
    damage(made.submitted("broken"), made.submitted("odd"), made.submitted("mixed"))
    said = made.nbgrader("autograde", LAB)
    made.nbgrader("generate_feedback", LAB)
    made.nbgrader("export")
    return Class(root, environment, said)


def submissions(root: Path, released: str) -> dict[str, str]:
    """The untouched release, the course's solution, and one with a part right, a part wrong, a part unparsable."""
    mixed = nbformat.read(root / "solutions" / LAB / f"{LAB}.ipynb", 4)
    answers = {"area": "def area(radius):\n    return 3 * radius**2", "forecast": "forecast ="}
    for cell in mixed.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    full = (root / "solutions" / LAB / f"{LAB}.ipynb").read_text()
    return {"untouched": released, "full": full, "mixed": nbformat.writes(mixed)}


def damage(broken: Path, odd: Path, mixed: Path) -> None:
    """Files that stop stock nbgrader in mid-batch: a truncated one, and one edited by hand."""
    for path in (broken, odd):
        path.parent.mkdir(parents=True)
    broken.write_bytes(mixed.read_bytes()[:1500])
    notebook = json.loads(mixed.read_text())
    for cell in notebook["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        marks["schema_version"] = 999
        if marks.get("grade_id") == "check-area":
            marks["points"] = 999
            cell["source"] = "999.0"
    notebook["cells"] += [notebook["cells"][-1], 17]
    odd.write_bytes(b"\xef\xbb\xbf" + json.dumps(notebook).encode())


def scores(notebook: nbformat.NotebookNode) -> tuple[float, ...]:
    from nbgrader.utils import determine_grade, is_grade

    return tuple(determine_grade(cell)[0] for cell in notebook.cells if is_grade(cell))


@pytest.mark.parametrize("student", POINTS)
def test_each_student_gets_the_marks_of_the_answers(cycle, student):
    with (cycle.root / "work/course/grades.csv").open() as file:
        rows = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert rows[student] == sum(POINTS[student])
    assert scores(cycle.autograded(student)) == POINTS[student]


def test_the_instructors_release_is_the_one_in_the_checkout(cycle):
    assert drift(catalog.units(cycle.root), cycle.root)[:-1] == []  # the lesson was left out


@pytest.mark.parametrize("student", ["untouched", "full", "mixed"])
def test_running_the_notebook_gives_the_same_scores(cycle, student, monkeypatch):
    from nbgrader.preprocessors import Execute

    monkeypatch.setenv("GRADER_ROOT", str(cycle.root))
    notebook = nbformat.read(cycle.submitted(student), 4)
    Execute(timeout=120).preprocess(notebook, {"metadata": {"path": str(cycle.root / "work")}})
    assert scores(notebook) == POINTS[student]


def test_the_outputs_are_those_of_a_check_in_the_notebook(cycle):
    cell = next(c for c in cycle.autograded("mixed").cells if c.source == 'lab.check("area")')
    line, result = cell.outputs
    assert (
        line.text
        == "area: 3 of 4 points, 1 of 2 properties not met: The circle of radius 1 has the area pi.\n"
    )
    assert result.data["text/plain"] == "3.0"
    assert "Pi is not 3." in result.data["text/html"]


def test_the_answers_were_judged_in_a_box(cycle):
    cells = [c for c in cycle.autograded("full").cells if c.source.startswith("lab.check")]
    assert {c.outputs[1].metadata.grader.box for c in cells} <= {"bubblewrap", "landlock"}


def test_a_truncated_submission_is_told_so_and_the_others_are_graded(cycle):
    cell = next(c for c in cycle.autograded("broken").cells if c.source == 'lab.check("area")')
    assert "not complete JSON" in cell.outputs[0].text


def test_feedback_shows_the_card(cycle):
    page = (cycle.root / f"work/course/feedback/mixed/{LAB}/{LAB}.html").read_text()
    assert "Pi is not 3." in page and "91-sampler" in page


def test_autograding_again_gives_the_same_and_trust_is_asked_for_by_name(cycle):
    cycle.nbgrader("autograde", LAB, "--force", "--student=mixed", "--JudgeAnswers.trusted=True")
    again = cycle.autograded("mixed")
    assert scores(again) == POINTS["mixed"]
    cell = next(c for c in again.cells if c.source == 'lab.check("area")')
    assert cell.outputs[1].metadata.grader.box == "trusted"


def test_formgrader_opens_and_lists_the_class(cycle):
    command = [sys.executable, "-m", "jupyter", "server", "--no-browser", "--ip=127.0.0.1", "--port=0"]
    command += ["--ServerApp.token=secret", "--allow-root"]
    server = subprocess.Popen(
        command,
        cwd=cycle.root,
        env=cycle.environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stderr is not None
        lines = (line for line in server.stderr if "http://127.0.0.1:" in line)
        port = next(lines).split("http://127.0.0.1:")[1].split("/")[0]
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": "token secret"},
            follow_redirects=True,
            timeout=60,
        ) as client:
            assert client.get("/formgrader").status_code == 200
            (assignment,) = client.get("/formgrader/api/assignments").json()
            students = {
                s["student"]: s["score"] for s in client.get(f"/formgrader/api/submissions/{LAB}").json()
            }
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.communicate(timeout=30)
    assert (assignment["name"], assignment["status"], assignment["max_score"]) == (LAB, "released", 8.0)
    assert students == {student: sum(points) for student, points in POINTS.items()}
