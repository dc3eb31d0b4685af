"""What a learner tried, kept on their own machine: one JSON line an event, appended and synced to disk.

A line that was cut off (a full disk, a power cut) costs that line only.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from grader.verdict import Outcome, Status, Verdict

HONEST_ATTEMPTS = 5  # distinct judged answers after which the solution is shown without a pass


@dataclass(frozen=True)
class Attempt:
    """One event. kind "check": an answer was judged; "hint": a hint was shown; "solution": it was opened."""

    kind: Literal["check", "hint", "solution"]
    lab: str
    exercise: str
    at: str  # ISO 8601, UTC
    source: str = ""  # hash of the answer, never its text
    status: str = ""
    points: float = 0.0
    max_points: float = 0.0
    passed: bool = False
    failed: tuple[str, ...] = ()  # names of the properties that did not pass
    stage: int = 0  # of a hint, 1 to 3


@dataclass(frozen=True)
class Standing:
    """How one exercise stands: the best of all attempts."""

    tries: int = 0
    best: float = 0.0
    passed: bool = False
    hints: int = 0
    honest: int = 0  # distinct answers that were judged, not counting untouched stubs


class Attempts:
    """The record in one file. Reading tolerates damage; writing appends one whole line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def record_check(self, verdict: Verdict, source: str) -> None:
        self._append(
            Attempt(
                "check",
                verdict.lab,
                verdict.exercise,
                _now(),
                source=hashlib.sha256(source.strip().encode()).hexdigest()[:16],
                status=str(verdict.status),
                points=verdict.points,
                max_points=verdict.max_points,
                passed=verdict.passed,
                failed=tuple(f.property for f in verdict.findings if f.outcome is not Outcome.PASS),
            )
        )

    def record_hint(self, lab: str, exercise: str, stage: int) -> None:
        self._append(Attempt("hint", lab, exercise, _now(), stage=stage))

    def record_solution(self, lab: str, exercise: str) -> None:
        self._append(Attempt("solution", lab, exercise, _now()))

    def __iter__(self) -> Iterator[Attempt]:
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            attempt = _parse(line)
            if attempt is not None:
                yield attempt

    def standings(self) -> dict[tuple[str, str], Standing]:
        """(lab slug, exercise id) -> standing."""
        grouped: dict[tuple[str, str], list[Attempt]] = {}
        for attempt in self:
            grouped.setdefault((attempt.lab, attempt.exercise), []).append(attempt)
        return {key: _standing(events) for key, events in grouped.items()}

    def standing(self, lab: str, exercise: str) -> Standing:
        return self.standings().get((lab, exercise), Standing())

    def _append(self, attempt: Attempt) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            line = json.dumps(asdict(attempt)).encode() + b"\n"
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line  # the last writer was cut off: do not lose this line with it
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _parse(line: bytes) -> Attempt | None:
    try:
        data: dict[str, Any] = json.loads(line)
        data["failed"] = tuple(data.get("failed", ()))
        return Attempt(**data)
    except (ValueError, TypeError, AttributeError):
        return None


def _standing(events: list[Attempt]) -> Standing:
    checks = [e for e in events if e.kind == "check" and e.status != str(Status.INFRA)]
    judged = {e.source for e in checks if e.status == str(Status.JUDGED)}
    return Standing(
        tries=len([e for e in checks if e.status != str(Status.NOT_ANSWERED)]),
        best=max((e.points for e in checks), default=0.0),
        passed=any(e.passed for e in checks),
        hints=max((e.stage for e in events if e.kind == "hint"), default=0),
        honest=len(judged),
    )
