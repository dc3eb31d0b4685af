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


def median_ms(action: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        action()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


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
        kernel.run("import time; from grader import Lab; lab = Lab('90-tiny')")
        kernel.run(ANSWER)
        kernel.run("lab.check('double')")
        judge_answer("90-tiny", "double", ANSWER)
        shown = kernel.run(
            "began = time.perf_counter(); lab = Lab('90-tiny'); print(time.perf_counter() - began)"
        )
        report("open a lab, servers warm", float(shown.stdout) * 1000, "ms", 500)
        direct = median_ms(lambda: judge_answer("90-tiny", "double", ANSWER))
        checked = median_ms(lambda: kernel.run("lab.check('double')"))
        empty = median_ms(lambda: kernel.run("pass"))
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
