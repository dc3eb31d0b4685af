"""Judging one submission in a process of its own: a pure function of the answers, the lab and the seed.

`judge_work` is what an executor runs, here or on another machine. Each process keeps one box and uses it for one
submission after the other; everything an answer touched is thrown away between them.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grader.checks.exercise import InfrastructureFault
from grader.judge import Launcher, judge_answer, load_checks, trusted_launcher
from grader.judge.ledger import Ledger
from grader.verdict import Status, Verdict

EXERCISE_SECONDS = 120.0  # of one exercise in all; checks have far lower limits of their own


@dataclass(frozen=True)
class Work:
    """What has to be judged. box: "bubblewrap", "landlock" or "trusted". ledger: a folder every worker reaches,
    or "" when results travel back with the reply only."""

    key: str
    lab: str
    answers: dict[str, str]
    seed: int
    box: str
    root: str
    ledger: str = ""
    seconds: float = EXERCISE_SECONDS

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


_launchers: dict[str, Any] = {}


def judge_work(data: dict[str, Any]) -> dict[str, Any]:
    """`Work` as JSON in, its result as JSON out: {"verdicts": {exercise: verdict}, "seconds": s, "box": name}.

    A result without infrastructure faults is in the ledger before this returns.
    """
    work = Work(**data)
    os.environ["GRADER_ROOT"] = work.root
    started = time.monotonic()
    launcher = _launcher(work.box, proven=bool(work.ledger))
    verdicts: dict[str, Verdict] = {}
    with _together(launcher):
        for exercise in load_checks(work.lab).exercises:
            source = work.answers.get(exercise, "")
            verdicts[exercise] = _judge_within(work, exercise, source, launcher)
    result = {
        "verdicts": {name: v.to_json() for name, v in verdicts.items()},
        "seconds": round(time.monotonic() - started, 4),
        "box": launcher.name,
    }
    if work.ledger and all(v.status is not Status.INFRA for v in verdicts.values()):
        Ledger(Path(work.ledger)).put(work.key, result)
    return result


def close() -> None:
    """Ends this process's boxes. Idempotent."""
    while _launchers:
        _launchers.popitem()[1].close()


def _launcher(box: str, proven: bool) -> Launcher:
    """This process's launcher. proven: the run has tried the box on this very machine."""
    if box == "trusted":
        return trusted_launcher()
    if box not in _launchers:
        from grader.judge.box import probes
        from grader.judge.box.launcher import BoxLauncher

        if not _launchers:
            atexit.register(close)
        launcher = BoxLauncher(box)
        if not proven:
            probes.run(launcher)
        _launchers[box] = launcher
    found: Launcher = _launchers[box]
    return found


def _together(launcher: Launcher) -> AbstractContextManager[None]:
    submission = getattr(launcher, "submission", None)
    return submission() if submission is not None else nullcontext()


def _judge_within(work: Work, exercise: str, source: str, launcher: Launcher) -> Verdict:
    """The verdict, or after `work.seconds` one that says the answer took too long: its box is ended then."""
    end = getattr(launcher, "end", None)
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        if end is not None:
            end()

    timer = threading.Timer(work.seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        verdict = judge_answer(work.lab, exercise, source, seed=work.seed, launcher=_Until(launcher, expired))
    finally:
        timer.cancel()
    if not expired.is_set() or verdict.status is not Status.INFRA:
        return verdict
    message = f"Judging this answer took longer than {work.seconds:g} seconds and was stopped."
    notes = {**verdict.notes, "box": launcher.name, "timed_out": True}
    return Verdict(verdict.lab, exercise, Status.REJECTED, verdict.max_points, message=message, notes=notes)


class _Until:
    """The launcher, until time is up: `judge_answer` must not try a third time what was stopped on purpose."""

    def __init__(self, launcher: Launcher, expired: threading.Event) -> None:
        self.name = launcher.name
        self._launcher = launcher
        self._expired = expired

    def open(self) -> Any:
        if self._expired.is_set():
            raise InfrastructureFault("time is up")
        return self._launcher.open()
