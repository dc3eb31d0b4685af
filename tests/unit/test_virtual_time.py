"""Waiting for another thread takes time on the judge's clock where the judge holds who sleeps."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.checks.virtual_time import CALLED, DRIVER
from grader.instruments.clock import VirtualClock


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        yield Path(made)


def play(folder: Path, script: str, together: int = 1) -> tuple[list[str], float]:
    """Runs a script as a worker would, its sleepers woken one after the other: its lines, and the seconds that passed.

    together: so many have to sleep before the next is woken, so that whoever was woken has done what it woke for.
    """
    with VirtualClock(sleeping="hold") as clock:
        doors = [clock.serve(folder, name) for name in ("app", "behind")]
        start = f"__time_flows__({doors[0]!r})\n__others_sleep_apart__({doors[1]!r})\n"
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER + CALLED + start + script], stdout=subprocess.PIPE, text=True
        )
        while process.poll() is None:
            with clock.changed:
                all_asleep = clock.changed.wait_for(lambda: len(clock.sleepers) >= together, 0.02)
            if all_asleep:
                clock.advance_to_next()
        assert process.stdout and process.returncode == 0
        return process.stdout.read().split("\n")[:-1], clock.elapsed()


@pytest.mark.parametrize(
    ("wait", "passed"),
    [
        ("threading.Event().wait(1000)", 1000),
        ("print(fails(lambda: threading.Condition().wait(3)))", 0),
        ("print(fails(lambda: queue.Queue().get(timeout=30)))", 30),
        ("print(fails(lambda: Future().result(timeout=500)))", 500),
        ("[threading.Event().wait(0.1) for _ in range(50)]", 5),
        ("threading.Semaphore(0).acquire(timeout=7)", 7),
    ],
)
def test_what_a_thread_waits_for_another_is_virtual(folder: Path, wait: str, passed: float) -> None:
    script = f"""
import queue, threading, time
from concurrent.futures import Future

def fails(work):
    try:
        return work()
    except Exception as error:
        return type(error).__name__

def call():
    {wait}
    return "over"

print(__called__(call))
"""
    lines, elapsed = play(folder, script)
    assert lines[-1] == "over" and elapsed == pytest.approx(passed, abs=1e-5)
    if "fails" in wait:
        assert lines[0] in ("Empty", "TimeoutError", "RuntimeError")


def test_who_is_told_wakes_before_the_time_is_over(folder: Path) -> None:
    lines, elapsed = play(
        folder,
        """
import threading, time

told = threading.Event()

def tell():
    time.sleep(3)
    told.set()
    time.sleep(1000)

threading.Thread(target=tell, daemon=True).start()
print(__called__(told.wait, 100))
""",
        together=2,
    )
    assert lines == ["True"] and elapsed == pytest.approx(100 / 10, abs=1e-5)


def test_timers_go_off_at_their_moment_and_those_left_behind_are_counted(folder: Path) -> None:
    lines, elapsed = play(
        folder,
        """
import threading

def call():
    timer = threading.Timer(60, lambda: print("off"))
    timer.start()
    return timer

timer = __called__(call)
print(__behind__())
timer.join()
print(__behind__())
""",
    )
    assert lines == ["1", "off", "0"] and elapsed == pytest.approx(60, abs=1e-5)
