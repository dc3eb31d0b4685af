"""Servers and boxes killed under a check, a worker killed under a class, hostile among honest: the same grades."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import classroom_course as course
import pytest
from attacks.hostile import ALL

from grader.classroom.crew import LocalCrew, judge_all
from grader.classroom.grade import Options, grade
from grader.classroom.work import Work, close, judge_work
from grader.judge import judge_answer
from grader.judge.box.launcher import BoxLauncher
from grader.judge.box.slot import Slot

pytestmark = pytest.mark.server
BOX = Options(box="bubblewrap")
CLASS = int(os.environ.get("GRADER_CLASS", "300"))  # submissions of the campaign's mixed class


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, services: object) -> Iterator[Path]:
    with course.opened(tmp_path_factory.mktemp("faults") / "course") as folder:
        yield folder


@pytest.fixture(scope="module")
def launcher(root: Path) -> Iterator[BoxLauncher]:
    with BoxLauncher("bubblewrap") as made:
        judge_answer(course.LAB, "pay", course.RIGHT["pay"], launcher=made)
        yield made


def _postgres(launcher: BoxLauncher) -> None:
    if (servers := launcher._servers) is not None:
        servers._postgres.boxed.running.kill()


def _redis(launcher: BoxLauncher) -> None:
    if (servers := launcher._servers) is not None and servers._redis is not None:
        servers._redis.boxed.running.kill()


def _box(launcher: BoxLauncher) -> None:
    launcher.end()


def points(target: str, count: int, sample: int) -> list[object]:
    marks = [] if count <= sample else [pytest.mark.campaign(only=True)]
    return [
        pytest.param(target, n / count, id=f"{target}-{n}", marks=[] if n % (count // sample) == 0 else marks)
        for n in range(count)
    ]


KILLS: dict[str, tuple[str, Callable[[BoxLauncher], None]]] = {
    "postgres": ("pay", _postgres),
    "valkey": ("remember", _redis),
    "box": ("pay", _box),
}


@pytest.mark.parametrize(
    ("target", "when"), [*points("postgres", 20, 2), *points("valkey", 20, 2), *points("box", 10, 2)]
)
def test_a_server_killed_under_a_check_costs_nobody_a_point(
    launcher: BoxLauncher, target: str, when: float
) -> None:
    exercise, kill = KILLS[target]
    timer = threading.Timer(0.25 * when, kill, [launcher])  # anywhere in a check's quarter of a second
    timer.start()
    right = judge_answer(course.LAB, exercise, course.RIGHT[exercise], launcher=launcher)
    timer.cancel()
    timer.join()
    assert right.passed, right
    assert judge_answer(course.LAB, exercise, course.WRONG[exercise], launcher=launcher).points == 0


def test_a_worker_killed_in_mid_class_is_replaced(root: Path) -> None:
    crew = LocalCrew(2)
    pids: set[int] = set()
    jobs = [
        Work(f"{n:064}", course.LAB, course.RIGHT, 7, "bubblewrap", str(root), str(root / "killed"))
        for n in range(8)
    ]
    outcomes = []
    for outcome in judge_all(crew, jobs):
        outcomes.append(outcome)
        if len(outcomes) in (1, 3, 5):  # each worker in turn, so that no submission is hit three times
            process = crew._processes[len(outcomes) // 2 % 2]
            (pid,) = process.executor._processes  # type: ignore[attr-defined]
            pids.add(pid)
            os.kill(pid, signal.SIGKILL)
    crew.close()
    assert len(pids) == 3 and sorted(o.key for o in outcomes) == [j.key for j in jobs]
    for outcome in outcomes:
        assert outcome.result, outcome.fault
        assert sum(v["points"] for v in outcome.result["verdicts"].values()) == 9, outcome.result


@pytest.mark.parametrize("count", [10, pytest.param(CLASS, marks=pytest.mark.campaign(only=True))])
def test_in_a_mixed_class_everybody_scores_as_if_alone(tmp_path: Path, services: object, count: int) -> None:
    quick = [a for a in ALL if not a.slow and not a.may_stop_the_servers]
    with course.opened(tmp_path / "course") as root:
        work = {}
        for n in range(count):
            chance = random.Random(n)
            answers = {name: chance.choice([course.RIGHT, course.WRONG])[name] for name in course.POINTS}
            answers["add_up"] += f"# {n}\n"
            if n % 10 == 0:
                attack = chance.choice(quick)
                answers[attack.exercise] = attack.source.replace("{pid}", "1").replace("{port}", "1")
            course.hand_in(root, f"s{n:03}", course.answered(answers))
            work[f"s{n:03}"] = answers
        grade(course.LAB, Options(box="bubblewrap", workers=2))
        mixed = course.grades(root)
        seed = _seed()
        for student, answers in work.items():
            alone = judge_work(Work("0" * 64, course.LAB, answers, seed, "bubblewrap", str(root)).to_json())
            close()
            assert {f"check-{k}": v["points"] for k, v in alone["verdicts"].items()} == mixed[student], (
                student
            )


def _seed() -> int:
    from grader.classroom.seed import course_seed

    return course_seed()


def test_a_killed_runs_folders_are_removed_by_the_next(root: Path) -> None:
    import subprocess
    import sys

    script = (
        "from grader.judge.box.launcher import BoxLauncher; import sys\n"
        "b = BoxLauncher('bubblewrap'); s = b.slot()\n"
        "with b.open() as p: print(s.folder, p.postgres.host, flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().split()[0])
    assert folder.is_dir()
    process.kill()
    process.communicate()
    from grader.judge.box.slot import sweep_leftovers

    sweep_leftovers()
    assert not folder.exists()
    assert Slot  # the class whose folders these are
