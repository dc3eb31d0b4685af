"""The same class on a Dask cluster: a real scheduler, two workers, one of them killed in mid-run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import classroom_course as course
import pytest

from grader.classroom.grade import Options, grade

pytestmark = [pytest.mark.server, pytest.mark.campaign(only=True)]


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)


def says(process: subprocess.Popen[str], pattern: str) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found.group(1)
    raise AssertionError("it ended without saying so")


def test_a_class_on_a_cluster_that_loses_a_worker(tmp_path: Path, services: object) -> None:
    with course.opened(tmp_path / "course") as root, ExitStack() as stack:
        scheduler = stack.enter_context(
            started("dask_scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1")
        )
        address = says(scheduler, r"Scheduler at:\s+(tcp://\S+)")
        options = ("--nthreads", "1", "--nworkers", "1", "--no-dashboard", "--local-directory", str(tmp_path))
        workers = [stack.enter_context(started("dask_worker", address, *options)) for _ in range(2)]
        for worker in workers:
            says(worker, r"(Registered to)")
        wanted = {}
        for n in range(20):
            kind = course.RIGHT if n % 4 else course.WRONG
            course.hand_in(root, f"s{n:02}", course.answered({**kind, "add_up": kind["add_up"] + f"# {n}\n"}))
            wanted[f"s{n:02}"] = {f"check-{k}": v if n % 4 else 0.0 for k, v in course.POINTS.items()}

        def progress(done: int, total: int) -> None:
            if done == 5:
                os.killpg(workers[0].pid, signal.SIGKILL)

        summary = grade(course.LAB, Options(scheduler=address, box="bubblewrap"), progress)
        assert course.grades(root) == wanted
        assert not summary.infrastructure and summary.graded == 20
        again = grade(course.LAB, Options(box="bubblewrap"))
        assert (again.judged_now, again.changed) == (0, 0)  # the results are those of any other run
