"""What the notebook adds: opening a lab on warm servers, and a check in a kernel against the same judge called directly."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ROUNDS = 15
ANSWER = "def double(n): return n + n"


def medians_ms(*actions: Callable[[], object]) -> list[float]:
    """Medians of actions that take turns, so that whatever else the machine does hits all of them."""
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(ROUNDS):
        for action, spent in zip(actions, times, strict=True):
            began = time.perf_counter()
            action()
            spent.append((time.perf_counter() - began) * 1000)
    return [statistics.median(spent) for spent in times]


def report(figure: str, value: float, unit: str, target: float, **detail: float) -> None:
    print(
        json.dumps(
            {"figure": figure, "value": round(value, 3), "unit": unit, "target": target, "detail": detail}
        )
    )


def main() -> None:
    import course

    with tempfile.TemporaryDirectory() as folder, course.opened(Path(folder) / "course"):
        from grader.judge import judge_answer

        kernel = course.Kernel(Path(folder))
        opening = "import time; began = time.perf_counter(); from grader import Lab; lab = Lab('90-tiny')"
        shown = kernel.run(f"{opening}; print(time.perf_counter() - began)")
        report("open a lab in a new kernel, servers warm", float(shown.stdout) * 1000, "ms", 500)
        kernel.run(ANSWER)
        kernel.run("lab.check('double')")
        judge_answer("90-tiny", "double", ANSWER)
        direct, checked, empty = medians_ms(
            lambda: judge_answer("90-tiny", "double", ANSWER),
            lambda: kernel.run("lab.check('double')"),
            lambda: kernel.run("pass"),
        )
        detail = {
            "check_ms": round(checked, 1),
            "judge_ms": round(direct, 1),
            "empty_cell_ms": round(empty, 1),
        }
        report(
            "lab.check against judge and an empty cell", checked / (direct + empty), "ratio", 1.5, **detail
        )
        kernel.close()


if __name__ == "__main__":
    main()
