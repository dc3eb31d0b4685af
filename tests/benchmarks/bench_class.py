"""The class run: how fast a box is ready, and how it compares with nbgrader's own autograde on the same lab.

GRADER_BENCH_CLASS: submissions of the large class (default 100; the published figure is for 1000).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import classroom_course as course

STOCK = 4  # submissions nbgrader's own autograde is given; it takes seconds for each
STOCK_CONFIG = """
from nbgrader.converters import Autograde
for name in ("exporter_class", "sanitize_preprocessors", "autograde_preprocessors"):
    get_config().Autograde.pop(name, None)
"""
# As a string bound to the name, so that nothing but the judge runs it in a kernel either.
ANSWERS = {**course.RIGHT, "count_rows": 'count_rows = "SELECT count(*) FROM sales"\n'}


def say(figure: str, value: float, unit: str, target: float, **detail: Any) -> None:
    line = {"figure": figure, "value": round(value, 3), "unit": unit, "target": target, "detail": detail}
    print(json.dumps(line), flush=True)


def box_ready(rounds: int = 30) -> None:
    """From nothing but the warm box to both servers answering."""
    from grader.judge.box.launcher import BoxLauncher

    times = []
    with BoxLauncher("bubblewrap") as launcher:
        with launcher.open() as place:
            place.postgres  # noqa: B018 - the first start of a box imports what answers import
        for _ in range(rounds):
            started = time.perf_counter()
            with launcher.open() as place:
                _ = place.postgres, place.redis_url
                times.append(1000 * (time.perf_counter() - started))
    times.sort()
    say("box with both servers ready, median", statistics.median(times), "ms", 300, rounds=rounds)
    say("box with both servers ready, p95", times[int(0.95 * len(times))], "ms", 600, rounds=rounds)


def hand_in(root: Path, count: int, first: int = 0) -> None:
    for n in range(first, first + count):
        answers = dict(ANSWERS) if n % 3 else {**ANSWERS, "pay": course.WRONG["pay"]}
        answers["add_up"] += f"# {n}\n"  # no two alike: equal answers would be judged once
        course.hand_in(root, f"s{n:04}", course.answered(answers))


def run(root: Path, command: list[str]) -> float:
    """Seconds the command takes in the course's folder."""
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=root, env=environment(root), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr[-2000:]}")
    return time.perf_counter() - started


def environment(root: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "GRADER_ROOT": str(root), "PATH": path}


def ours(root: Path, workers: int = 1) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "grader.cli",
        "grade",
        course.LAB,
        "--box",
        "bubblewrap",
        "--workers",
        str(workers),
        "--json",
    ]
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=root, env=environment(root), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return {"seconds": time.perf_counter() - started, **json.loads(done.stdout)}


def fresh(count: int) -> Path:
    root = course.make(Path(tempfile.mkdtemp(prefix="bench-class-")) / "course")
    hand_in(root, count)
    return root


def stock(count: int) -> tuple[float, Path]:
    """Seconds nbgrader's own autograde takes: the notebook run in a kernel, `lab.check` and all."""
    from grader.classroom.opened import OpenedLab

    root = fresh(count)
    with open(root / "nbgrader_config.py", "a") as config:
        config.write(STOCK_CONFIG)
    os.environ["GRADER_ROOT"] = str(root)
    prepared = OpenedLab(course.LAB)
    assert prepared.importer  # what generate_assignment would have put into the gradebook
    prepared.close()
    return run(root, [sys.executable, "-m", "nbgrader", "autograde", course.LAB]), root


def ours_each(root: Path, large: int, workers: int) -> dict[str, Any]:
    """Seconds a further submission takes: starting up is paid once a run, so two runs of a course are compared."""
    first = len(course.grades(root))
    hand_in(root, STOCK, first)
    small = ours(root, workers)
    hand_in(root, large, first + STOCK)
    run = ours(root, workers)
    return {**run, "each": (run["seconds"] - small["seconds"]) / (large - STOCK)}


def throughput(large: int) -> None:
    from grader import services

    services.up()
    few, root = stock(STOCK)
    alone, _ = stock(1)
    stock_each = (few - alone) / (STOCK - 1)
    ours_root = fresh(STOCK)
    ours(ours_root)  # makes what the boxes start from, once a course
    same = course.grades(root) == course.grades(ours_root)
    one, two = ours_each(ours_root, large, 1), ours_each(ours_root, large, 2)
    detail = {"stock_seconds_each": round(stock_each, 3), "ours_seconds_each": round(one["each"], 3)}
    detail["exercise_ms"] = {k: round(1000 * v) for k, v in one["exercise_seconds"].items()}
    say(
        "class run against nbgrader autograde, one worker each",
        stock_each / one["each"], "ratio", 10, **detail, same_scores=same,
    )  # fmt: skip
    each = [round(one["each"], 3), round(two["each"], 3)]
    say(
        "two workers against one",
        one["each"] / two["each"],
        "ratio",
        1.7,
        seconds_each=each,
        submissions=large,
    )


def main() -> None:
    box_ready()
    throughput(int(os.environ.get("GRADER_BENCH_CLASS", "100")))


if __name__ == "__main__":
    main()
