"""Fault plans: one run to find every boundary of an answer, then one run for each fault at each boundary.

    journal = Journal()
    with PostgresSteps(url, folder, journal=journal) as postgres, PaymentProvider(folder, journal=journal) as bank:

        def attempt() -> str:
            "Fresh data, the call, what an operator or client would do after a failure, the invariant."
            with journal.shielded():
                reset(); bank.forget()
            reply = worker().call("pay", ...)
            if not reply.ok:
                journal.note("caller", "asks again with the same key")
                worker().call("pay", ...)
            with journal.shielded():
                postgres.settle()
                return "" if ledger() == [100] else f"{len(ledger())} ledger rows, must be 1"

        swept = sweep(attempt, journal, crash=lambda caller: worker().kill())
        swept.counterexample          # the simplest Trial that broke, None if all held
        swept.counterexample.timeline # data of Evidence("timeline", ...)
        str(swept)                    # 'faults of 4 kinds at all 11 boundaries (Postgres 6, Redis 3, provider 2): 34 runs, ...'

`attempt` returns "" if the invariant holds, else one sentence in domain words. It is called once for every trial and
must bring everything to the same first state. Every step of every instrument that shares the journal is a boundary,
unless shielded; `pairs=True` strikes a second time, at every later boundary of the recovery.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.instruments.steps import Action, Journal, StillRunning

LANES = ("caller", "app", "Postgres", "Redis", "provider")
FAULTS: tuple[Action, ...] = ("crash before", "crash after", "cut after", "error")
WORDS: dict[Action, str] = {
    "crash before": "the process dies before",
    "crash after": "the process dies after",
    "cut before": "the connection breaks before",
    "cut after": "the reply is lost after",
    "error": "the server answers an error instead of",
    "error after": "the server answers an error although it did",
    "duplicate": "arrives twice:",
    "garbage": "the reply is garbage after",
}


@dataclass(frozen=True)
class Boundary:
    """A step of the undisturbed run. number: its place in the journal, from 0."""

    number: int
    lane: str
    text: str
    caller: str = "app"


@dataclass(frozen=True)
class Fault:
    """`action` at the step with this number."""

    number: int
    action: Action


@dataclass
class Trial:
    """One run. broken: "" or what is wrong; struck: the faults that found their step, in words."""

    faults: tuple[Fault, ...] = ()
    broken: str = ""
    boundaries: tuple[Boundary, ...] = ()
    struck: tuple[str, ...] = ()
    timeline: dict[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Every fault found its step."""
        return len(self.struck) == len(self.faults)

    @property
    def story(self) -> str:
        """The faults in one sentence."""
        return ", and then ".join(self.struck) or "nothing fails"


@dataclass
class Sweep:
    """All runs of one plan. baseline: the run without faults."""

    baseline: Trial
    trials: list[Trial] = field(default_factory=list)
    actions: tuple[Action, ...] = FAULTS
    cut_short: str = ""  # why not all of the plan was run
    same: int = 0  # faults not run because another run is the same to everybody outside

    @property
    def boundaries(self) -> tuple[Boundary, ...]:
        return self.baseline.boundaries

    @property
    def failures(self) -> list[Trial]:
        """Runs that broke, simplest first: no fault, then fewest faults, then the earliest one."""
        broken = [t for t in (self.baseline, *self.trials) if t.broken]
        return sorted(broken, key=lambda t: (len(t.faults), [f.number for f in t.faults]))

    @property
    def counterexample(self) -> Trial | None:
        return next(iter(self.failures), None)

    @property
    def complete(self) -> bool:
        """The whole plan was run and every fault met its boundary."""
        return not self.cut_short and all(t.reached for t in self.trials)

    def __str__(self) -> str:
        """The coverage, for a verdict."""
        lanes = Counter(b.lane for b in self.boundaries)
        where = ", ".join(f"{lane} {count}" for lane, count in lanes.items())
        runs = f"{len(self.trials)} runs"
        pairs = sum(len(t.faults) > 1 for t in self.trials)
        text = (
            f"faults of {len(self.actions)} kinds at all {len(self.boundaries)} boundaries ({where}): {runs}"
        )
        if self.same:
            text += f", standing for {len(self.trials) + self.same}, since to die after one step is to die before the next"
        if pairs:
            text += f", {pairs} of them with two faults"
        if missed := sum(not t.reached for t in self.trials):
            text += f"; {missed} runs took another way before the fault"
        return text + (f"; {self.cut_short}" if self.cut_short else "")


Attempt = Callable[[], str | None]


def sweep(
    attempt: Attempt,
    journal: Journal,
    *,
    actions: Sequence[Action] = FAULTS,
    crash: Callable[[str], None] | None = None,
    lanes: Sequence[str] | None = None,
    pairs: bool = False,
    stop_at: int = 1,
    most_runs: int = 500,
    warm_up: bool = True,
) -> Sweep:
    """Runs `attempt` without faults, then with every one of `actions` at every boundary.

    crash(caller): kills the process of that caller; without it the crash actions are left out. lanes: strike only
    these. Dying before a step is not run where dying after the step before it was: for one call at a time these are the
    same. stop_at: ends after so many broken runs, 0 for never. warm_up: one run first that is thrown away, so that
    what happens only once a process (connecting, loading scripts) is not taken for part of the call.
    """
    journal.on_crash = crash or (lambda caller: None)
    used = tuple(a for a in actions if crash is not None or not a.startswith("crash"))
    try:
        if warm_up:
            _trial(attempt, journal, ())
        found = Sweep(_trial(attempt, journal, ()), actions=used)
        if found.baseline.broken:
            found.cut_short = "stopped: it is broken without any fault"
            return found
        _singles(found, attempt, journal, lanes, stop_at, most_runs)
        if pairs and not found.cut_short:
            _pairs(found, attempt, journal, lanes, stop_at, most_runs)
        return found
    finally:
        journal.clear()
        journal.on_crash = lambda caller: None


def _singles(
    found: Sweep, attempt: Attempt, journal: Journal, lanes: Sequence[str] | None, stop_at: int, most: int
) -> None:
    for boundary in found.boundaries:
        for action in found.actions:
            if lanes is None or boundary.lane in lanes:
                if action == "crash before" and _died_before(found, boundary):
                    found.same += 1
                    continue
                if _enough(found, stop_at, most):
                    return
                found.trials.append(_trial(attempt, journal, (Fault(boundary.number, action),)))


def _died_before(found: Sweep, boundary: Boundary) -> bool:
    """Whether this death was tried already, as one after the same caller's step just before.

    A process leaves nothing of itself behind, so nobody can tell whether it had read the reply.
    """
    before = found.boundaries[boundary.number - 1] if boundary.number else None
    tried = {t.faults[0] for t in found.trials}
    return (
        before is not None
        and before.caller == boundary.caller
        and Fault(before.number, "crash after") in tried
    )


def _pairs(
    found: Sweep, attempt: Attempt, journal: Journal, lanes: Sequence[str] | None, stop_at: int, most: int
) -> None:
    for first in list(found.trials):
        for boundary in first.boundaries:
            if boundary.number <= first.faults[0].number or not (lanes is None or boundary.lane in lanes):
                continue
            for action in found.actions:
                if _enough(found, stop_at, most):
                    return
                found.trials.append(_trial(attempt, journal, (*first.faults, Fault(boundary.number, action))))


def _enough(found: Sweep, stop_at: int, most: int) -> bool:
    if stop_at and sum(bool(t.broken) for t in found.trials) >= stop_at:
        found.cut_short = (
            "stopped at the first failure" if stop_at == 1 else f"stopped after {stop_at} failures"
        )
    elif len(found.trials) >= most:
        found.cut_short = f"stopped after {most} runs"
    return bool(found.cut_short)


def _trial(attempt: Attempt, journal: Journal, faults: tuple[Fault, ...]) -> Trial:
    journal.clear()
    for fault in faults:
        journal.arm(fault.number, fault.action)
    try:
        broken = attempt() or ""
    except StillRunning:
        broken = "The call never came to an end."
    with journal.changed:
        boundaries = tuple(Boundary(s.number, s.lane, s.text, s.caller) for s in journal.steps)
        struck = tuple(f"{WORDS[action]} {step.text}" for step, action in journal.struck)
        timeline = journal.timeline(lanes=_present(journal), conclusion=broken, schedule=", ".join(struck))
        if broken and journal.struck:
            timeline["broken_at"] = journal.story.index(journal.struck[-1][0])
    return Trial(faults, broken, boundaries, struck, timeline)


def _present(journal: Journal) -> tuple[str, ...]:
    """The usual lanes that occur, in the usual order; others follow."""
    used = {entry.lane for entry in journal.story}
    return tuple(lane for lane in LANES if lane in used)
