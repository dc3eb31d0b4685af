"""What check authors call: `explore`, `crashes`, `replay`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.instruments.explore.play import Chooser, Limits, Play
from grader.instruments.explore.run import Run
from grader.instruments.explore.schedule import Choice, parse
from grader.instruments.explore.search import Coverage, Search
from grader.instruments.explore.stage import Caller, Stage

Reset = Callable[[], object]
Observe = Callable[[], Any]
Invariant = Callable[[Run], str | None]


@dataclass
class Exploration:
    """What came of an exploration. runs: in the order played, fewest changes of turn first."""

    runs: list[Run] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def failures(self) -> list[Run]:
        """Runs with a problem, simplest first: fewest changes of turn, then fewest steps."""
        bad = [r for r in self.runs if r.problem]
        return sorted(bad, key=lambda r: (r.switches, len(r.statements)))

    @property
    def counterexample(self) -> Run | None:
        """The simplest run with a problem."""
        return next(iter(self.failures), None)

    def simplest(self, which: Callable[[Run], bool]) -> Run | None:
        """The simplest run of which `which` holds: one with a deadlock, a wait, a call that raised."""
        chosen = [r for r in self.runs if which(r)]
        return min(chosen, key=lambda r: (r.switches, len(r.statements)), default=None)

    @property
    def outcomes(self) -> set[str]:
        """The distinct final states, as text."""
        return {repr(r.state) for r in self.runs}


class _Theatre:
    """Plays runs and judges each."""

    def __init__(
        self,
        stage: Stage,
        callers: Sequence[Caller],
        reset: Reset,
        observe: Observe | None,
        invariant: Invariant | None,
        recover: Callable[[Run], object] | None,
        limits: Limits | None,
    ) -> None:
        self.stage, self.callers, self.limits = stage, callers, limits
        self.careful = False
        self.reset, self.observe, self.invariant, self.recover = reset, observe, invariant, recover

    def play(self, chooser: Chooser) -> Run:
        run, hasty = self._once(chooser)
        if hasty and not self.careful:  # an answer that deadlocks: from here on at the slower, steady pace
            self.careful = True
            run, _ = self._once(chooser)
        if self.recover is not None:
            self.recover(run)
        if self.observe is not None:
            run.state = self.observe()
        if self.invariant is not None:
            run.problem = self.invariant(run) or ""
        return run

    def _once(self, chooser: Chooser) -> tuple[Run, bool]:
        self.reset()
        chooser.begin()
        play = Play(self.stage, self.callers, chooser, self.limits, careful=self.careful)
        return play.go(), play.hasty


def explore(
    stage: Stage,
    callers: Sequence[Caller],
    *,
    reset: Reset,
    observe: Observe | None = None,
    invariant: Invariant | None = None,
    recover: Callable[[Run], object] | None = None,
    symmetric: Sequence[Sequence[int]] = (),
    reduce: bool | None = None,
    faults: str = "",
    stop: Callable[[Run], bool] | None = None,
    max_runs: int = 5000,
    max_seconds: float = 60.0,
    max_switches: int | None = None,
    limits: Limits | None = None,
) -> Exploration:
    """Plays every schedule of the concurrent `callers`.

    reset brings the data to its first state; observe returns the final state, JSON-safe; invariant says what
    is wrong with a run in domain words, or "" or None. recover runs after the calls and before observe.
    symmetric: groups of caller numbers (from 1) that are the same call with the same arguments. reduce: skip
    schedules that only swap independent statements; by default for three callers and more. faults: marks out
    of "!<>" that may strike once a run. stop: ends the exploration early; a caller that never finishes does.
    """
    theatre = _Theatre(stage, callers, reset, observe, invariant, recover, limits)
    search = Search(
        theatre.play,
        callers=len(callers),
        symmetric=symmetric,
        faults=faults,
        max_runs=max_runs,
        max_seconds=max_seconds,
        max_switches=max_switches,
    )
    found = Exploration(coverage=search.coverage)
    for run in search:
        found.runs.append(run)
        if not run.finished or (stop is not None and stop(run)):
            search.coverage.limit = "stopped at the first failure"
            break
    return found


def crashes(
    stage: Stage,
    caller: Caller,
    *,
    reset: Reset,
    recover: Callable[[Run], object] | None = None,
    observe: Observe | None = None,
    invariant: Invariant | None = None,
    faults: str = "!<>",
    limits: Limits | None = None,
) -> Exploration:
    """One call, alone, failing at every boundary: the process dies, or the connection is lost before or
    after each statement takes effect. recover then does what an operator or client would do."""
    return explore(
        stage,
        [caller],
        reset=reset,
        observe=observe,
        invariant=invariant,
        recover=recover,
        faults=faults,
        limits=limits,
    )


def replay(
    stage: Stage,
    callers: Sequence[Caller],
    schedule: str,
    *,
    reset: Reset,
    observe: Observe | None = None,
    invariant: Invariant | None = None,
    recover: Callable[[Run], object] | None = None,
    limits: Limits | None = None,
) -> Run:
    """Plays one schedule, written as in "1 1 2 2"; `run.diverged` if the answer did not go along."""
    script = _Script(parse(schedule))
    run = _Theatre(stage, callers, reset, observe, invariant, recover, limits).play(script)
    run.diverged = script.diverged
    return run


class _Script:
    """Follows a schedule as far as it goes, then lets whoever moved last go on."""

    def __init__(self, wanted: tuple[Choice, ...]) -> None:
        self._wanted = wanted
        self.diverged = False

    def begin(self) -> None:
        self.diverged = False

    def choose(self, run: Run, enabled: tuple[Choice, ...]) -> Choice:
        at = len(run.choices)
        if at < len(self._wanted):
            if self._wanted[at].plain in enabled:
                return self._wanted[at]
            self.diverged = True
        before = run.choices[-1].caller if run.choices else 0
        return next((c for c in enabled if c.caller == before), enabled[0])


__all__ = ["Exploration", "crashes", "explore", "replay"]
