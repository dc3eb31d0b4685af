"""The kill matrix: every answer of a lab against every property, and what is wrong with it.

A check is itself tested: the solution and each accepted variant pass, each wrong one fails what it is named for,
and no property is without a wrong answer that fails it. Judging is in `grader.authoring.verify`.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from grader.authoring.labs import answers
from grader.authoring.source import SourceError
from grader.authoring.variants import Variant, read_variants
from grader.catalog import Unit
from grader.verdict import Verdict

LEAST_ACCEPTED, LEAST_REJECTED = 2, 5  # variants a graded exercise has


@dataclass
class Row:
    """One answer: what it got, and what is wrong with that."""

    variant: Variant
    verdict: Verdict
    problems: list[str]
    changed: list[str] = field(default_factory=list)  # verdicts of repetitions that differ from the first

    @property
    def ok(self) -> bool:
        return not self.problems and not self.changed

    def to_json(self) -> dict[str, Any]:
        return {
            "variant": self.variant.name,
            "expects": self.variant.expects,
            "status": str(self.verdict.status),
            "points": self.verdict.points,
            "outcomes": {f.property: str(f.outcome) for f in self.verdict.findings},
            "seconds": round(self.verdict.seconds, 4),
            "problems": self.problems,
            "changed": self.changed,
        }


@dataclass
class Matrix:
    """A lab's rows, by exercise in the check module's order, and what the lab lacks."""

    lab: str
    exercises: dict[str, tuple[str, ...]]  # id -> names of its properties
    rows: list[Row] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    repetitions: int = 1
    seeds: int = 1

    @property
    def ok(self) -> bool:
        return not self.gaps and all(row.ok for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        seconds = [row.verdict.seconds for row in self.rows]
        return {
            "lab": self.lab,
            "ok": self.ok,
            "judged": len(self.rows) * self.repetitions * self.seeds,
            "misjudged": sum(bool(row.problems) for row in self.rows),
            "changed": sum(len(row.changed) for row in self.rows),
            "median_seconds": round(statistics.median(seconds), 4) if seconds else 0.0,
            "worst_seconds": round(max(seconds, default=0.0), 4),
            "gaps": self.gaps,
            "exercises": {
                name: [row.to_json() for row in self.rows if row.variant.exercise == name]
                for name in self.exercises
            },
        }


def prepare(unit: Unit, exercise: str = "") -> tuple[Matrix, list[Variant]]:
    """What is to be judged, and the gaps and orphans that show without judging anything."""
    checks = unit.checks()
    matrix = Matrix(unit.slug, _properties(checks, exercise))
    variants, matrix.gaps = collect(unit, checks)
    wanted = [v for v in variants if v.exercise in matrix.exercises]
    matrix.gaps += _gaps(checks, wanted, matrix.exercises)
    return matrix, wanted


def collect(unit: Unit, checks: Any) -> tuple[list[Variant], list[str]]:
    """Solution, stub and variants of every exercise, in order; and what is out of place."""
    variants, problems = read_variants(unit)
    try:
        pairs = answers(unit) if unit.has_lab else {}
    except SourceError as error:
        pairs, problems = {}, [*problems, str(error)]
    if not unit.has_lab:
        problems.append(f"There is no lab yet: write solutions/{unit.slug}.py.")
    found: list[Variant] = []
    for name in checks.exercises:
        if name in pairs:
            solution, stub = pairs[name]
            found.append(Variant(name, "solution", solution, "solution"))
            found.append(Variant(name, "stub", stub, "stub"))
        elif unit.has_lab:
            problems.append(f"solutions/{unit.slug}.py has no answer to {name}.")
        found += [v for v in variants if v.exercise == name]
    orphans = {v.exercise for v in variants} - checks.exercises.keys()
    problems += [f"tests/labs/{unit.slug}/{name}/ belongs to no exercise." for name in sorted(orphans)]
    return found, problems


def _properties(checks: Any, only: str) -> dict[str, tuple[str, ...]]:
    if only and only not in checks.exercises:
        raise SourceError(f"{checks.slug} has no exercise {only}; it has {', '.join(checks.exercises)}.")
    chosen = {name: e for name, e in checks.exercises.items() if not only or name == only}
    return {name: tuple(p.name for p in e.properties) for name, e in chosen.items()}


def _gaps(checks: Any, variants: list[Variant], exercises: dict[str, tuple[str, ...]]) -> list[str]:
    """Properties that no wrong answer fails, and exercises with too few variants."""
    graded = sum(e.points for e in checks.exercises.values()) > 0
    found = []
    for name, properties in exercises.items():
        mine = [v for v in variants if v.exercise == name]
        killed = {p for v in mine for p in v.properties}
        found += [f"{name}: no variant fails {p}." for p in properties if p not in killed]
        found += [
            f"{name}: a variant names {p}, which is no property." for p in sorted(killed - {*properties})
        ]
        if not properties:
            found.append(f"{name} has no properties.")
        least = (LEAST_ACCEPTED, LEAST_REJECTED) if graded else (1, 1)
        for prefix, number in zip(("accept_", "reject_"), least, strict=True):
            have = sum(v.name.startswith(prefix) for v in mine)
            if have < number:
                found.append(f"{name} has {have} {prefix}* variants, needs {number}.")
    return found
