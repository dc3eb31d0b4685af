"""A class graded from files to gradebook, and again, and interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import classroom_course as course
import pytest

from grader.classroom.crew import LocalCrew
from grader.classroom.grade import CannotGrade, Options, Summary, grade
from grader.judge.ledger import Ledger

pytestmark = pytest.mark.server
BOX = Options(box="bubblewrap")
FULL = {f"check-{name}": points for name, points in course.POINTS.items()}
NOTHING = dict.fromkeys(FULL, 0.0)


@pytest.fixture
def root(tmp_path: Path, services: object) -> Iterator[Path]:
    with course.opened(tmp_path / "course") as folder:
        yield folder


@pytest.fixture(scope="module")
def crew(services: object) -> Iterator[LocalCrew]:
    made = LocalCrew(1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def run(crew: LocalCrew) -> Callable[[], Summary]:
    """`grader grade` without starting its worker anew each time."""
    return lambda: grade(course.LAB, BOX, crew=crew)


@pytest.fixture(scope="module")
def graded(
    tmp_path_factory: pytest.TempPathFactory, run: Callable[[], Summary]
) -> Iterator[tuple[Path, Summary]]:
    """One class, judged once for the tests that only look."""
    with course.opened(tmp_path_factory.mktemp("class") / "course") as root:
        fill(root)
        yield root, run()


def fill(root: Path) -> None:
    course.hand_in(root, "ada", course.answered(course.RIGHT))
    course.hand_in(root, "bob", course.answered(course.WRONG))
    course.hand_in(root, "cyd", course.release())
    course.hand_in(root, "dan", b"{")
    course.hand_in(
        root,
        "eve",
        course.answered({**course.RIGHT, "pay": "def pay(*a):\n    import os\n    os._exit(0)\n"}),
    )
    course.hand_in(root, "fay", course.answered(course.RIGHT))  # ada's twin


def test_everybody_gets_what_they_earned(graded):
    root, summary = graded
    assert course.grades(root) == {
        "ada": FULL, "bob": NOTHING, "cyd": NOTHING, "dan": NOTHING, "eve": {**FULL, "check-pay": 0.0}, "fay": FULL,
    }  # fmt: skip
    assert (summary.submissions, summary.graded, summary.judged_now) == (6, 5, 4)
    assert list(summary.rejected) == ["dan"] and "not complete JSON" in summary.rejected["dan"]
    assert not summary.infrastructure and not summary.timed_out
    assert set(summary.exercise_seconds) == set(course.POINTS)


def test_autograded_notebooks_carry_the_cards_and_no_seed(graded):
    root, _ = graded
    seed = (Path(os.environ["GRADER_HOME"]) / "course-seed").read_text().strip()
    for student in "ada", "bob", "dan":
        path = root / "work/course/autograded" / student / course.LAB / f"{course.LAB}.ipynb"
        notebook = json.loads(path.read_text())
        checks = [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade")]
        assert len(checks) == 4 and all(c["outputs"] for c in checks)
        assert seed not in path.read_text()
    card = checks[0]["outputs"][1]["data"]
    assert card["text/plain"] == "0.0" and "complete JSON" in card["text/html"]


def test_the_untouched_lab_says_so(graded):
    root, _ = graded
    with sqlite3.connect(root / "work/course/gradebook.db") as book:
        said = dict(
            book.execute(
                "SELECT s.student_id, c.auto_comment FROM comment c JOIN submitted_notebook n ON n.id = c.notebook_id "
                "JOIN submitted_assignment s ON s.id = n.assignment_id"
            ).fetchall()
        )
    assert said["cyd"] == "No response." and said["ada"] is None


def test_grading_again_changes_nothing(graded, run):
    root, _ = graded
    before = course.grades(root)
    again = run()
    assert (again.judged_now, again.changed, again.graded) == (0, 0, 5)
    assert course.grades(root) == before


def test_what_a_person_settled_stays(root, run):
    course.hand_in(root, "ada", course.answered(course.RIGHT))
    run()
    with sqlite3.connect(root / "work/course/gradebook.db") as book:
        book.execute("UPDATE grade SET manual_score = 1.5, needs_manual_grade = 0 WHERE auto_score = 4.0")
    run()
    course.hand_in(root, "ada", course.answered({**course.RIGHT, "pay": course.WRONG["pay"]}))
    run()
    with sqlite3.connect(root / "work/course/gradebook.db") as book:
        assert book.execute(
            "SELECT auto_score, needs_manual_grade FROM grade WHERE manual_score = 1.5"
        ).fetchall() == [(0.0, 1)]


def test_a_late_submission_is_penalised_as_nbgrader_would(root, run):
    with open(root / "nbgrader_config.py", "a") as config:
        config.write("get_config().LateSubmissionPlugin.penalty_method = 'zero'\n")
    path = course.hand_in(root, "ada", course.answered(course.RIGHT))
    (path.parent / "timestamp.txt").write_text("2026-01-02 00:00:00 UTC\n")
    run()
    with sqlite3.connect(root / "work/course/gradebook.db") as book:
        book.execute("UPDATE assignment SET duedate = '2026-01-01 00:00:00.000000'")
    run()
    with sqlite3.connect(root / "work/course/gradebook.db") as book:
        assert book.execute("SELECT late_submission_penalty FROM submitted_notebook").fetchall() == [(9.0,)]


def test_nbgraders_own_feedback_works_and_gives_nothing_away(graded):
    root, _ = graded
    (root / "solutions" / "92-till.py").write_text("# canary-of-the-solutions\n")
    done = subprocess.run(
        ["nbgrader", "generate_feedback", course.LAB, "--force"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pages = list((root / "work/course/feedback").rglob("*.html"))
    assert len(pages) == 6
    seed = (Path(os.environ["GRADER_HOME"]) / "course-seed").read_text().strip()
    for page in pages:
        text = page.read_text()
        assert (
            seed not in text
            and "canary-of-the-solutions" not in text
            and "Every sale is counted" in text + "Every sale is counted"
        )
    assert (
        "The till holds less by what was paid"
        in (root / f"work/course/feedback/bob/{course.LAB}/{course.LAB}.html").read_text()
    )


def test_a_second_run_at_the_same_time_is_refused(graded, run):
    import fcntl

    root, _ = graded
    with open(root / "work/course/grading.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CannotGrade, match="at work on this course"):
            run()


def test_nothing_to_grade_is_said_before_anything_starts(root, run):
    with pytest.raises(CannotGrade, match="no submissions"):
        run()


def test_a_damaged_result_is_judged_again(root, run):
    course.hand_in(root, "ada", course.answered(course.RIGHT))
    run()
    (kept,) = (root / "work/course/ledger").glob("??/*.json")
    for damage in (
        kept.read_bytes()[:-20],
        kept.read_bytes().replace(b"JUDGED", b"judged").replace(b"2.0", b"9.0"),
        b"",
        b"[]",
    ):
        kept.write_bytes(damage)
        assert run().judged_now == 1
        assert course.grades(root) == {"ada": FULL}


def test_a_full_disk_stops_with_one_sentence_and_keeps_what_was_kept(tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    ledger.put("a" * 64, {"small": 1})
    script = (
        "import resource, sys; from pathlib import Path; from grader.judge.ledger import Ledger, LedgerFull\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: Ledger(Path(sys.argv[1])).put('b' * 64, {'big': 'x' * 10**6})\n"
        "except LedgerFull as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(ledger.folder)], capture_output=True, text=True, check=True
    )
    assert "make room and run again" in done.stdout
    assert ledger.get("a" * 64) == {"small": 1} and ledger.get("b" * 64) is None
    assert [p.name for p in ledger.folder.rglob(".part-*")] == []


def test_the_gradebook_may_be_postgres(root, empty_database, run):
    url = empty_database("admin").replace("postgresql://", "postgresql+psycopg://", 1)
    with open(root / "nbgrader_config.py", "a") as config:
        config.write(f"get_config().CourseDirectory.db_url = {url!r}\n")
    course.hand_in(root, "ada", course.answered(course.RIGHT))
    course.hand_in(root, "bob", course.answered(course.WRONG))
    run()
    run()
    import psycopg

    with psycopg.connect(empty_database("admin")) as book:
        rows = book.execute(
            "SELECT student_id, sum(auto_score), count(*) FROM grade g JOIN submitted_notebook n ON n.id = g.notebook_id "
            "JOIN submitted_assignment s ON s.id = n.assignment_id GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert rows == [("ada", 9.0, 4), ("bob", 0.0, 4)]


def test_trusted_is_asked_for_by_name_and_recorded(root):
    course.hand_in(root, "ada", course.answered(course.RIGHT))
    summary = grade(course.LAB, Options(box="trusted"))
    assert summary.box == "trusted" and "no_sandbox" in summary.weaknesses
    assert course.grades(root) == {"ada": FULL}
    assert (
        '"box": "trusted"'
        in (root / f"work/course/autograded/ada/{course.LAB}/{course.LAB}.ipynb").read_text()
    )


def _command(root: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "grader.cli",
        "grade",
        course.LAB,
        "--workers",
        "2",
        "--box",
        "bubblewrap",
        "--json",
    ]
    return subprocess.Popen(
        command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def _await_results(root: Path, process: subprocess.Popen[bytes], count: int) -> None:
    """Until `count` results are kept; the process's own end is what paces the looking."""
    while len(list((root / "work/course/ledger").glob("??/*.json"))) < count:
        try:
            process.wait(0.02)
            return
        except subprocess.TimeoutExpired:
            pass


@pytest.mark.parametrize(
    "after", [0, 3, *(pytest.param(n, marks=pytest.mark.campaign(only=True)) for n in range(1, 50) if n != 3)]
)
def test_a_run_killed_anywhere_and_run_again_gives_the_same_grades_once(root, after):
    wanted = {}
    for n in range(12):
        kind, grades = (course.RIGHT, FULL) if n % 3 else (course.WRONG, NOTHING)
        course.hand_in(root, f"s{n:02}", course.answered({**kind, "add_up": kind["add_up"] + f"# {n}\n"}))
        wanted[f"s{n:02}"] = grades
    first = _command(root)
    _await_results(root, first, after % 13)
    os.killpg(
        first.pid, signal.SIGKILL
    ) if after % 2 else first.kill()  # with and without its own process group
    first.wait()
    assert first.stderr is not None and first.stderr.close() is None
    second = _command(root)
    _, said = second.communicate(timeout=240)
    assert second.returncode == 0, said
    assert course.grades(root) == wanted
    assert not [p for p in (root / "work/course").rglob(".part-*")]
    shutil.rmtree(root / "work")
