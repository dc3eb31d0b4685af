"""What a check says: plain, JSON-safe data that every other part of the grader may import.

A verdict never holds live objects. It crosses process boundaries as JSON, is kept in the ledger as JSON,
and is rendered by `grader.show`, which knows nothing but this module and histories.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The outcome of one property. Only PASS earns points."""

    PASS = "PASS"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"  # the workload did not produce the situation: never a pass
    SKIP = "SKIP"  # depends on a property that did not pass


class Status(StrEnum):
    """The outcome of judging one answer as a whole."""

    JUDGED = "judged"
    NOT_ANSWERED = "not answered"  # the stub is untouched, or the cell is missing
    REJECTED = "rejected"  # cannot be judged as it stands (syntax error, wrong name bound, ...)
    INFRA = "infrastructure"  # our fault: retried, never a zero


@dataclass(frozen=True)
class Evidence:
    """One exhibit of a verdict.

    kind: how `grader.show` renders it: "text" (str), "table" ({"columns": [str], "rows": [[scalar]]}),
    "plan" (the object EXPLAIN (FORMAT JSON) returns for one query), "timeline" (see `show.timeline`),
    "counts" ({label: number}).
    """

    kind: str
    title: str
    data: Any


@dataclass(frozen=True)
class Finding:
    """The outcome of one named property, with what a reader needs to believe it."""

    property: str  # identifier, named for what holds: "no_lost_update"
    claim: str  # one sentence, the property's docstring: "Money is conserved under every interleaving."
    outcome: Outcome
    weight: float = 1.0
    expected: str = ""
    happened: str = ""
    misconception: str = ""  # the likely wrong idea behind this failure
    evidence: tuple[Evidence, ...] = ()
    read: str = ""  # where to read on: a lesson section or a documentation page

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "outcome": str(self.outcome)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Finding:
        evidence = tuple(Evidence(**e) for e in data.get("evidence", ()))
        return cls(**{**data, "outcome": Outcome(data["outcome"]), "evidence": evidence})


@dataclass(frozen=True)
class Verdict:
    """The judgement of one answer to one exercise."""

    lab: str
    exercise: str
    status: Status
    max_points: float
    findings: tuple[Finding, ...] = ()
    message: str = ""  # one clear sentence when the status is not JUDGED
    coverage: str = ""  # what was explored, in words: "20 of 20 schedules, 11 crash points"
    output: str = ""  # what the answer printed, truncated
    seconds: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)  # recorded circumstances: {"box": "trusted"}

    @property
    def points(self) -> float:
        """Points earned: the passed share of the weights, rounded to hundredths; full only if all pass."""
        if self.status is not Status.JUDGED or not self.findings:
            return 0.0
        total = sum(f.weight for f in self.findings)
        passed = sum(f.weight for f in self.findings if f.outcome is Outcome.PASS)
        if total <= 0:
            return 0.0
        return round(self.max_points * passed / total, 2)

    @property
    def passed(self) -> bool:
        return (
            self.status is Status.JUDGED
            and bool(self.findings)
            and all(f.outcome is Outcome.PASS for f in self.findings)
        )

    def to_json(self) -> dict[str, Any]:
        data = asdict(self)
        data["status"] = str(self.status)
        data["findings"] = [f.to_json() for f in self.findings]
        data["points"] = self.points
        data["passed"] = self.passed
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Verdict:
        fields = {k: v for k, v in data.items() if k not in ("points", "passed")}
        fields["status"] = Status(data["status"])
        fields["findings"] = tuple(Finding.from_json(f) for f in data.get("findings", ()))
        return cls(**fields)
