"""The one shape of a check module.

    lab = LabChecks("04-transactions", context="import psycopg")

    @lab.exercise("transfer", points=6, hints=("...", "...", "..."), read="04-transactions#lost-updates")
    def transfer(answer: Answer, bench: Bench) -> TransferHistory:   # drives: runs the answer, returns a history
        ...

    @transfer.property(misconception="Reading, then writing what was read, loses the other write.")
    def no_lost_update(history: TransferHistory) -> Ruling:          # judges: a pure function of the history
        '''Money is conserved under every interleaving.'''
        return history.total == 100 or fail(expected="...", happened="...", evidence=[...])

Driving and judging are separate so that judges are unit-tested from hand-written histories.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from grader.verdict import Evidence, Finding, Outcome

H = TypeVar("H")
Kind = Literal["python", "sql", "value"]


@dataclass(frozen=True)
class Failed:
    """A property does not hold; says what was expected, what happened and why one believes it."""

    expected: str
    happened: str
    misconception: str = ""  # overrides the property's own when the run tells two mistakes apart
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Unknown:
    """The workload did not produce the situation the property speaks about."""

    why: str
    evidence: tuple[Evidence, ...] = ()


Ruling = bool | Failed | Unknown

UNREADABLE = "The answer returned something the check cannot read"
# What a rule raises when a value is not of the type, length or size it expects.
_ODD_VALUES = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError)


def fail(expected: str, happened: str, misconception: str = "", evidence: Sequence[Evidence] = ()) -> Failed:
    """A failing ruling. `return holds or fail(...)` reads well in a judge."""
    return Failed(expected, happened, misconception, tuple(evidence))


def unknown(why: str, evidence: Sequence[Evidence] = ()) -> Unknown:
    """An honest "we cannot tell": earns nothing, is not held against the idea of the answer."""
    return Unknown(why, tuple(evidence))


class NotAnswered(Exception):
    """Raised by a driver or the worker when the answer is still the untouched stub."""


class Rejected(Exception):
    """The answer cannot be judged as it stands; the message is one clear sentence for the learner."""


class InfrastructureFault(Exception):
    """Our fault, not the learner's (a server died, no disk): retried, never a zero."""


@dataclass(frozen=True)
class Property(Generic[H]):
    """One thing that must hold. `rule` is a pure function of the history."""

    name: str
    claim: str
    rule: Callable[[H], Ruling]
    weight: float = 1.0
    needs: Mapping[str, str] = field(default_factory=dict)  # what must pass first, else SKIP: name -> claim
    misconception: str = ""
    read: str = ""

    def judge(self, history: H, passed: set[str], lenient: bool = False) -> Finding:
        """The finding on `history`, given the names of the properties that hold.

        lenient: a rule that trips over a value (a text where it sorts numbers) fails the answer that gave it, since
        judging again would not help; otherwise the exception passes, as a bug of a rule must where rules are tested.
        """

        def finding(outcome: Outcome, **more: Any) -> Finding:
            return Finding(self.name, self.claim, outcome, weight=self.weight, read=self.read, **more)

        missing = [claim for name, claim in self.needs.items() if name not in passed]
        if missing:
            return finding(Outcome.SKIP, happened=f"Looked at once this holds: {' '.join(missing)}")
        try:
            ruling = self.rule(history)
        except _ODD_VALUES as error:
            if not lenient:
                raise
            said = f"{type(error).__name__}: {error}"[:200]
            ruling = fail("a value of the kind that was asked for", f"{UNREADABLE} ({said})")
        if isinstance(ruling, Failed):
            return finding(
                Outcome.FAIL,
                expected=ruling.expected,
                happened=ruling.happened,
                misconception=ruling.misconception or self.misconception,
                evidence=ruling.evidence,
            )
        if isinstance(ruling, Unknown):
            return finding(Outcome.UNKNOWN, happened=ruling.why, evidence=ruling.evidence)
        if ruling is not True:  # a judge that returns False says nothing useful: a bug of ours
            raise TypeError(
                f"property {self.name} returned {ruling!r}; return True, fail(...) or unknown(...)"
            )
        return finding(Outcome.PASS)


@dataclass
class Exercise(Generic[H]):
    """One exercise: what the learner binds, what it is worth, how it is driven and judged."""

    id: str
    drive: Callable[[Any, Any], H]
    points: float
    kind: Kind
    hints: tuple[str, str, str]
    binds: tuple[str, ...]
    read: str = ""
    coverage: Callable[[H], str] = lambda history: ""
    properties: list[Property[H]] = field(default_factory=list)

    def property(
        self,
        *,
        weight: float = 1.0,
        needs: Sequence[str] = (),
        misconception: str = "",
        read: str = "",
    ) -> Callable[[Callable[[H], Ruling]], Property[H]]:
        """Register a judge; its name is the property, the first line of its docstring the sentence shown."""

        def register(rule: Callable[[H], Ruling]) -> Property[H]:
            claim = (inspect.getdoc(rule) or "").split("\n\n")[0].replace("\n", " ").strip()
            if not claim:
                raise ValueError(f"property {rule.__name__} of {self.id} needs a docstring")
            known = {p.name: p.claim for p in self.properties}
            if unknown_needs := set(needs) - known.keys():
                raise ValueError(f"{rule.__name__} needs {sorted(unknown_needs)}, not declared above it")
            first = {name: known[name] for name in needs}
            prop = Property(rule.__name__, claim, rule, weight, first, misconception, read or self.read)
            self.properties.append(prop)
            return prop

        return register

    def judge(self, history: H, lenient: bool = False) -> tuple[Finding, ...]:
        """Every property in declared order, as findings. lenient: see `Property.judge`."""
        findings: list[Finding] = []
        passed: set[str] = set()
        for prop in self.properties:
            found = prop.judge(history, passed, lenient)
            findings.append(found)
            if found.outcome is Outcome.PASS:
                passed.add(prop.name)
        return tuple(findings)


class LabChecks:
    """All exercises of one lab, in order.

    slug: "04-transactions".
    context: Python source run before every answer of the lab (imports, domain types). The build writes the
    same source into the lab's set-up cell, so a notebook and a bare answer file see the same names.
    """

    def __init__(self, slug: str, *, context: str = "") -> None:
        self.slug = slug
        self.context = context
        self.exercises: dict[str, Exercise[Any]] = {}

    def exercise(
        self,
        id: str,
        *,
        points: float,
        hints: tuple[str, str, str],
        kind: Kind = "python",
        binds: Sequence[str] = (),
        read: str = "",
        coverage: Callable[[Any], str] | None = None,
    ) -> Callable[[Callable[[Any, Any], H]], Exercise[H]]:
        """Register a driver `(answer, bench) -> history` as exercise `id`.

        binds: the names the answer must bind, `id` alone if omitted.
        """

        def register(drive: Callable[[Any, Any], H]) -> Exercise[H]:
            if id in self.exercises:
                raise ValueError(f"exercise {id} is declared twice in {self.slug}")
            exercise: Exercise[H] = Exercise(
                id,
                drive,
                points,
                kind,
                hints,
                tuple(binds) or (id,),
                read,
                coverage or (lambda history: ""),
            )
            self.exercises[id] = exercise
            return exercise

        return register
