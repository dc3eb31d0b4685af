"""What a class run is asked to do, and what it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from grader.classroom.work import EXERCISE_SECONDS


@dataclass(frozen=True)
class Options:
    """submitted: folder of STUDENT/LAB/LAB.ipynb, None for the course's. box: "", "bubblewrap", "landlock", "trusted".
    students: only these; all if empty."""

    submitted: Path | None = None
    workers: int = 1
    scheduler: str = ""
    seed_file: Path | None = None
    box: str = ""
    students: tuple[str, ...] = ()
    seconds: float = EXERCISE_SECONDS


@dataclass
class Summary:
    """What a run did. `rejected`, `timed_out`, `infrastructure` and `unreadable` name students and say why.

    unreadable: a rule tripped over what an answer returned and gave no points; worth a look, it may be the rule's fault.
    """

    lab: str
    box: str
    submissions: int = 0
    graded: int = 0
    judged_now: int = 0
    changed: int = 0
    rejected: dict[str, str] = field(default_factory=dict)
    timed_out: dict[str, str] = field(default_factory=dict)
    infrastructure: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    exercise_seconds: dict[str, float] = field(default_factory=dict)  # median
    seconds: float = 0.0
    weaknesses: dict[str, str] = field(default_factory=dict)
