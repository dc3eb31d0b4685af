"""A class through nbgrader by its own commands: release, fetch, submit, collect, autograde, feedback, export.

The cycle runs once, on the sample course; the tests look at what it left behind.
"""

from __future__ import annotations

import csv
import fcntl
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

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{k: v for k, v in os.environ.items() if k not in ("GRADER_ROOT", "GRADER_EXCHANGE")},
            "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
            "PYTHONPATH": str(TESTS.parent),
            "GRADER_EXCHANGE": str(self.root / "exchange"),
        }

    def nbgrader(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "nbgrader", *arguments]
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            text=True,
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"nbgrader {' '.join(arguments)}\n{done.stdout}{done.stderr}"

    def submitted(self, student: str) -> Path:
        return self.root / "work/course/submitted" / student / LAB / f"{LAB}.ipynb"

    def autograded(self, student: str) -> nbformat.NotebookNode:
        return nbformat.read(self.root / "work/course/autograded" / student / LAB / f"{LAB}.ipynb", 4)

    def output(self, student: str, exercise: str) -> list[nbformat.NotebookNode]:
        cells = self.autograded(student).cells
        return next(c for c in cells if c.source == f'lab.check("{exercise}")').outputs


@pytest.fixture(scope="session")
def cycle(tmp_path_factory, services) -> Class:
    """Run by the first test process that asks; the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "nbgrader-class"
    with root.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            run_cycle(Class(root))
    return Class(root)


def run_cycle(made: Class) -> None:
    root = made.root
    shutil.copytree(TESTS / "sample", root, ignore=shutil.ignore_patterns("__pycache__", "notebooks"))
    shutil.copy(TESTS.parent / "nbgrader_config.py", root)
    build(catalog.units(root), root, say=lambda line: None)
    for command in ("generate_assignment", "release_assignment", "fetch_assignment"):
        made.nbgrader(command, LAB)
    made.nbgrader("submit", LAB, "--CourseDirectory.student_id=untouched")
    made.nbgrader("collect", LAB)
    hand_in(made)
    made.nbgrader("autograde", LAB, "--student=mixed", "--JudgeAnswers.trusted=True")
    made.nbgrader("autograde", LAB)
    made.nbgrader("generate_feedback", LAB)
    made.nbgrader("export")


def hand_in(made: Class) -> None:
    """Further submissions, put where `collect` puts them: right, partly right, and what stops stock nbgrader."""
    for student in POINTS:
        made.submitted(student).parent.mkdir(parents=True, exist_ok=True)
    solution = made.root / "solutions" / LAB / f"{LAB}.ipynb"
    shutil.copy(solution, made.submitted("full"))
    mixed = nbformat.read(solution, 4)
    answers = {"area": "def area(radius):\n    return 3 * radius**2", "forecast": "forecast ="}
    for cell in mixed.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    nbformat.write(mixed, made.submitted("mixed"))
    made.submitted("broken").write_bytes(solution.read_bytes()[:1500])
    made.submitted("odd").write_bytes(edited_by_hand(made.submitted("mixed").read_text()))


def edited_by_hand(text: str) -> bytes:
    """A mark, a check cell, doubled grade ids, a schema of the future, a byte order mark."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        marks["schema_version"] = 999
        if marks.get("grade_id") == "check-area":
            marks["points"] = 999
            cell["source"] = "999.0"
    notebook["cells"] += [notebook["cells"][-1], 17]
    return b"\xef\xbb\xbf" + json.dumps(notebook).encode()


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
    assert drift(catalog.units(cycle.root), cycle.root) == []


@pytest.mark.parametrize("student", ["untouched", "full", "mixed"])
def test_running_the_notebook_gives_the_same_scores(cycle, student, monkeypatch):
    from nbgrader.preprocessors import Execute

    monkeypatch.setenv("GRADER_ROOT", str(cycle.root))
    notebook = nbformat.read(cycle.submitted(student), 4)
    Execute(timeout=120).preprocess(notebook, {"metadata": {"path": str(cycle.root / "work")}})
    assert scores(notebook) == POINTS[student]


def test_the_outputs_are_those_of_a_check_in_the_notebook(cycle):
    line, result = cycle.output("mixed", "area")
    assert (
        line.text
        == "area: 3 of 4 points, 1 of 2 properties not met: The circle of radius 1 has the area pi.\n"
    )
    assert result.data["text/plain"] == "3.0"
    assert "Pi is not 3." in result.data["text/html"]


def test_answers_are_judged_in_a_box_unless_trust_is_asked_for_by_name(cycle):
    assert cycle.output("full", "area")[1].metadata.grader.box in ("bubblewrap", "landlock")
    assert cycle.output("mixed", "area")[1].metadata.grader.box == "trusted"


def test_a_truncated_submission_is_told_so_and_the_others_are_graded(cycle):
    assert "not complete JSON" in cycle.output("broken", "area")[0].text


def test_feedback_shows_the_card(cycle):
    page = (cycle.root / f"work/course/feedback/mixed/{LAB}/{LAB}.html").read_text()
    assert "Pi is not 3." in page


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
