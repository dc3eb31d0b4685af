"""What check authors call: `explore`, `crashes`, `replay`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.instruments.explore.coverage import Coverage
from grader.instruments.explore.lane import Caller
from grader.instruments.explore.limits import Limits
from grader.instruments.explore.play import Chooser, Play
from grader.instruments.explore.run import Run
from grader.instruments.explore.schedule import Choice, parse
from grader.instruments.explore.search import Search
from grader.instruments.explore.stage import Stage

Reset = Callable[[], object]
Observe = Callable[[], Any]
Invariant = Callable[[Run], str | None]
Always = Callable[[Any], str | None]


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
        self.reset, self.observe, self.invariant, self.recover = reset, observe, invariant, recover

    def play(self, chooser: Chooser) -> Run:
        run, hasty = self.once(chooser)
        while hasty and self.stage.slow_down():
            run, hasty = self.once(chooser)
        if self.recover is not None:
            self.recover(run)
        if self.observe is not None:
            run.state = self.observe()
        if self.invariant is not None:
            run.problem = self.invariant(run) or ""
        return run

    def once(self, chooser: Chooser) -> tuple[Run, bool]:
        self.reset()
        chooser.begin()
        play = Play(self.stage, self.callers, chooser, self.limits, pause=self.stage.pause)
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
    schedule: str | None = None,
    always: Always | None = None,
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
    of "!<>" that may strike once a run. schedule: plays only this one (what `lab.replay` asks for).
    always: the part of the invariant that must hold of every state in between too; it marks the step of the
    counterexample that broke it. stop: ends the exploration early; a caller that never finishes does.
    """
    theatre = _Theatre(stage, callers, reset, observe, invariant, recover, limits)
    if schedule is not None:
        return _only(theatre, schedule, always)
    search = Search(
        theatre.play,
        callers=len(callers),
        symmetric=symmetric,
        reduce=len(callers) > 2 if reduce is None else reduce,
        faults=faults,
        max_runs=max_runs,
        max_seconds=max_seconds,
        max_switches=max_switches,
    )
    found = Exploration(coverage=search.coverage)
    for run in search:
        found.runs.append(run)
        if not run.finished or (stop is not None and stop(run)):
            search.coverage.stop("stopped at a failure")
            break
    if found.counterexample is not None:
        locate(theatre, found.counterexample, always)
    return found


def _only(theatre: _Theatre, schedule: str, always: Always | None) -> Exploration:
    script = _Script(parse(schedule))
    run = theatre.play(script)
    run.diverged = script.diverged
    locate(theatre, run, always)
    cover = Coverage(callers=len(theatre.callers), explored=1, limit="the schedule that was asked for")
    return Exploration([run], cover)


def locate(theatre: _Theatre, run: Run, always: Always | None) -> None:
    """Plays a failed run once more and looks after every step; sets `run.broken_at` to the first step after
    which `always(state)` has something to say for good."""
    if not run.problem or always is None or theatre.observe is None:
        return
    watcher = _Watcher(run.choices, lambda: always(theatre.observe and theatre.observe()) or "")
    again, _ = theatre.once(watcher)
    watcher.look(again)
    if watcher.broken_since is not None and again.schedule == run.schedule:
        run.events, run.broken_at = again.events, watcher.broken_since


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
    theatre = _Theatre(stage, callers, reset, observe, invariant, recover, limits)
    return _only(theatre, schedule, None).runs[0]


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


class _Watcher(_Script):
    """Follows a schedule and looks at the data whenever nothing moves."""

    def __init__(self, wanted: tuple[Choice, ...], wrong: Callable[[], str]) -> None:
        super().__init__(wanted)
        self._wrong = wrong
        self.broken_since: int | None = None  # index of the event after which it was wrong, and stayed so

    def choose(self, run: Run, enabled: tuple[Choice, ...]) -> Choice:
        self.look(run)
        return super().choose(run, enabled)

    def look(self, run: Run) -> None:
        if not self._wrong():
            self.broken_since = None
        elif self.broken_since is None:
            self.broken_since = len(run.events) - 1


__all__ = ["Exploration", "crashes", "explore", "replay"]
