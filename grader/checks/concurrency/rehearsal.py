"""An answer's callers on one stage, kept from scene to scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from grader.checks.concurrency.parts import DRIVER, Actor, Part, Seat, begin
from grader.checks.concurrency.rulings import Problem, Scene
from grader.checks.exercise import Rejected
from grader.checks.running import Answer, Bench, Database, Reply
from grader.instruments.explore import Caller, Limits, Run, SavedRows, Stage, explore, parse

MAX_RUNS = (
    400  # schedules of one scene; an answer that needs more is explored up to a bound on changes of turn
)
ENOUGH = 20  # broken runs of one scene, after which the rest is not played
SAFETY_NET = 150.0  # seconds of one scene


class Rehearsal:
    """An answer's callers on one stage over `database`. Use as a context manager.

    callers: how many lanes. driver: further source for the workers. callbacks: handlers for `Resource("callback")`,
    or a function of the caller's number that gives them. `stage` is there for instruments that join it.
    """

    def __init__(
        self,
        answer: Answer,
        bench: Bench,
        database: Database,
        *,
        callers: int = 2,
        driver: str = "",
        callbacks: Mapping[str, Callable[..., Any]]
        | Callable[[int], Mapping[str, Callable[..., Any]]]
        | None = None,
        environ: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.bench, self.database, self.limits = bench, database, limits
        self.asked = bench.schedule
        try:
            self._asked = parse(self.asked) if self.asked is not None else ()
        except ValueError as error:
            raise Rejected(str(error)) from None
        self._saved: list[SavedRows] = []

        def spawn(number: int) -> Any:
            return answer.spawn(
                driver=DRIVER + driver,
                callbacks=callbacks(number) if callable(callbacks) else callbacks,
                environ=environ,
            )

        self._spawn = spawn
        self._rescuer: Any = None
        self._actors = [Actor(n + 1, spawn) for n in range(callers)]
        self.stage = Stage(
            database.url("learner"), database.url("admin"), callers=callers, folder=str(bench.scratch())
        )

    def __enter__(self) -> Rehearsal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for saved in self._saved:
            saved.close()
        self.stage.close()

    def keep(self, tables: Mapping[str, str] | Sequence[str]) -> SavedRows:
        """A reset: brings the rows of `tables` (name -> condition) back to what they are now."""
        saved = SavedRows(self.database.url("admin"), tables)
        self._saved.append(saved)
        return saved

    def alone(
        self, part: Part, *, reset: Callable[[], object], observe: Callable[[], Any] | None = None
    ) -> Run:
        """One call by itself, once, undisturbed; also when a schedule was asked for."""
        return explore(
            self.stage, self._cast([part]), reset=reset, observe=observe, max_runs=1, limits=self.limits
        ).runs[0]

    def rescue(self, part: Part, timeout: float = 10.0) -> Reply:
        """Another process makes this call, undisturbed and past the proxy: what a client or operator does after a
        failure. For `recover`; its seat has the number 0."""
        if self._rescuer is None or getattr(self._rescuer, "dead", False):
            self._rescuer = self._spawn(0)
        return begin(self._rescuer, part, Seat(0, self.database.url("learner"))).result(timeout)

    def dismiss(self) -> None:
        """Ends the process that `rescue` used, and with it whatever its session still held."""
        if self._rescuer is not None:
            self._rescuer.kill()
            self._rescuer = None

    def play(
        self,
        title: str,
        parts: Sequence[Part],
        *,
        reset: Callable[[], object],
        observe: Callable[[], Any] | None = None,
        wrong: Problem | None = None,
        always: Callable[[Any], str | None] | None = None,
        recover: Callable[[Run], object] | None = None,
        stop: Callable[[Run], bool] | None = None,
        faults: str = "",
        reduce: bool | None = None,
        max_runs: int = MAX_RUNS,
        max_switches: int | None = None,
    ) -> Scene:
        """Every schedule of `parts`; equal parts count as interchangeable.

        wrong: a scene ends early once it has said so of many runs; what is not broken in those is then UNKNOWN.
        always: marks the step of the counterexample that broke it, for good.
        """
        schedule = None
        if self.asked is not None:
            faulty = any(c.fault for c in self._asked)
            if max((c.caller for c in self._asked), default=1) != len(parts) or (faulty and not faults):
                return Scene(title, asked=self.asked)
            schedule = self.asked
        broken: list[Run] = []

        def enough(run: Run) -> bool:
            if run.problem:
                broken.append(run)
            return len(broken) >= ENOUGH or (stop is not None and stop(run))

        found = explore(
            self.stage,
            self._cast(parts),
            reset=reset,
            observe=observe,
            invariant=wrong,
            always=always,
            recover=recover,
            symmetric=_equal(parts),
            faults=faults,
            reduce=reduce,
            schedule=schedule,
            stop=enough,
            max_runs=max_runs,
            max_seconds=SAFETY_NET,
            max_switches=max_switches,
            limits=self.limits,
        )
        cut = len(broken) >= ENOUGH and not found.coverage.complete
        return Scene(title, found.runs, f"{title}: {found.coverage}", schedule, cut)

    def crash(
        self,
        title: str,
        part: Part,
        *,
        reset: Callable[[], object],
        observe: Callable[[], Any] | None = None,
        recover: Callable[[Run], object] | None = None,
        faults: str = "!<>",
        max_runs: int = MAX_RUNS,
    ) -> Scene:
        """One call that dies before each statement, or loses its connection before or after each takes effect."""
        return self.play(
            title, [part], reset=reset, observe=observe, recover=recover, faults=faults, max_runs=max_runs
        )

    def _cast(self, parts: Sequence[Part]) -> list[Caller]:
        for actor, part in zip(self._actors, parts, strict=False):
            actor.part = part
        return [actor.caller for actor in self._actors[: len(parts)]]


def _equal(parts: Sequence[Part]) -> list[list[int]]:
    """Groups of parts with the same function and arguments, by number."""
    groups: dict[str, list[int]] = {}
    for number, part in enumerate(parts, 1):
        groups.setdefault(repr(part), []).append(number)
    return [group for group in groups.values() if len(group) > 1]
