"""Concurrent calls of an answer, for check modules: every schedule, every crash boundary, and rulings on them.

    with Rehearsal(answer, bench, database, callers=2) as rehearsal:
        reset = rehearsal.keep({"accounts": "id in (1, 2)"})
        scene = rehearsal.play(
            "two transfers in opposite directions",
            [Part("transfer", CONN, 1, 2, Decimal(30)), Part("transfer", CONN, 2, 1, Decimal(20))],
            reset=reset, observe=balances,
        )
        crash = rehearsal.crash("a transfer that is cut short", Part("transfer", CONN, 1, 2, Decimal(30)), ...)

and in a judge, a pure function of the history:

    return holds([scene, crash], lambda run: "" if sum(run.state) == 200 else f"the total is {sum(run.state)}",
                 expected="200.00 in all accounts together, as before")

`holds` shows the simplest run of which something is wrong as a timeline. Judges are tested from hand-written
scenes: `Scene("...", [Run(choices=parse("1 2 2 1"), replies=[...], endings=[...], state=...)])`.

A call is taken to be made on a pooled connection: what it leaves open when it returns or raises is rolled back
before the next one (a step of its own in the schedule), and `reply.connections` says so under "left". A part
whose call returned before its effect was committed therefore loses it, as it would in production.

Replaying (`bench.schedule`): only scenes with as many callers as the schedule names are played, once, and only
that schedule; `holds` then rules FAIL or UNKNOWN, never PASS, and shows the timeline in either case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from grader.checks.exercise import Rejected, Ruling, fail, unknown
from grader.checks.running import Answer, Bench, Database, Reply, Resource
from grader.instruments.explore import Caller, Limits, Run, SavedRows, Stage, explore, parse, timeline
from grader.verdict import Evidence

Problem = Callable[[Run], str | None]
MAX_RUNS = (
    400  # schedules of one scene; an answer that needs more is explored up to a bound on changes of turn
)
SAFETY_NET = 30.0  # seconds of one scene

_DRIVER = '''
def __call_on_pooled__(name, args, kwargs):
    """Calls the answer; then does what a pool does with the connection it gets back."""
    global __left__
    import contextlib, psycopg
    connections = [a for a in (*args, *kwargs.values()) if isinstance(a, psycopg.Connection)]
    left = __left__ = "idle"
    try:
        value = globals()[name](*args, **kwargs)
    finally:
        for connection in connections:
            status = connection.info.transaction_status
            if not connection.closed and status.name != "IDLE":
                left = __left__ = "open"
                with contextlib.suppress(psycopg.Error):
                    connection.rollback()
            if not connection.closed and connection.info.transaction_status.name == "IDLE":
                with contextlib.suppress(psycopg.Error):
                    connection.autocommit = False
                    connection.isolation_level = connection.read_only = connection.deferrable = None
                    connection.row_factory = psycopg.rows.tuple_row
    return (value, left)


def __call_on_pooled_positional__(name, count, *rest):
    keys = rest[count::2]
    return __call_on_pooled__(name, list(rest[:count]), dict(zip(keys, rest[count + 1 :: 2])))
'''


@dataclass(frozen=True)
class Seat:
    """Where a caller sits: its number from 1, its lane's name, and the database address it must use."""

    number: int
    url: str

    @property
    def name(self) -> str:
        return f"T{self.number}"


def CONN(seat: Seat) -> Resource:
    """Stands for the caller's own psycopg connection in a part's arguments."""
    return Resource("connection", seat.url, id="conn", settings={"prepare_threshold": None})


def ENGINE(seat: Seat) -> Resource:
    """Stands for an SQLAlchemy engine of the caller's own."""
    return Resource("engine", seat.url, id="engine", settings={"connect_args": {"prepare_threshold": None}})


@dataclass(frozen=True, init=False)
class Part:
    """One call: the function's name and its arguments. An argument that is callable is given the `Seat`."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        for key, value in (("name", name), ("args", args), ("kwargs", kwargs)):
            object.__setattr__(self, key, value)


@dataclass
class Scene:
    """What some concurrent calls did under the schedules that were played.

    runs: in the order played, fewest changes of turn first. asked: None, or the only schedule that was played.
    """

    title: str
    runs: list[Run] = field(default_factory=list)
    coverage: str = ""
    asked: str | None = None

    @property
    def replies(self) -> list[Reply | None]:
        """Those of the first run: what the calls say when nobody comes between."""
        return list(self.runs[0].replies) if self.runs else []

    def exhibit(self, run: Run, problem: str = "") -> Evidence:
        return Evidence("timeline", self.title[:1].upper() + self.title[1:], timeline(run, problem))


def simplest(scenes: Sequence[Scene], wrong: Problem) -> tuple[Scene, Run, str] | None:
    """The run easiest to follow of which `wrong` has something to say, and what it says."""
    found = [(scene, run, text) for scene in scenes for run in scene.runs if (text := wrong(run))]
    return min(found, key=lambda f: (len(f[1].replies), f[1].switches, len(f[1].statements)), default=None)


def holds(
    scenes: Sequence[Scene],
    wrong: Problem,
    *,
    expected: str,
    misconception: str | Callable[[Run], str] = "",
    evidence: Sequence[Evidence] = (),
) -> Ruling:
    """FAIL with the simplest counterexample; PASS if no run has one; UNKNOWN if that was not established.

    wrong(run) is called for every run whose callers all came to an end; it says in domain words what is wrong.
    """

    def judge(run: Run) -> str | None:
        return wrong(run) if run.finished else None

    found = simplest(scenes, judge)
    if found is not None:
        scene, run, text = found
        exhibits = [scene.exhibit(run, text), *evidence]
        why = misconception(run) if callable(misconception) else misconception
        return fail(expected, f"{text} (schedule {run.schedule})", why, exhibits)
    asked = next((s.asked for s in scenes if s.asked is not None), None)
    if asked is not None:
        shown = next(((s, s.runs[0]) for s in scenes if s.runs), None)
        return unknown(
            f"It holds under the schedule {asked}; only that one was played."
            if shown
            else f"Only the schedule {asked} was played, which says nothing about this.",
            [shown[0].exhibit(shown[1])] if shown else (),
        )
    if any(not run.finished for s in scenes for run in s.runs) or not any(s.runs for s in scenes):
        return unknown("A call did not come to an end, so the schedules were not explored.")
    return True


def all_end(scenes: Sequence[Scene], expected: str = "a call that returns or raises") -> Ruling:
    """Whether every call of every run came to an end by itself."""
    for scene in scenes:
        for run in scene.runs:
            for number, ending in enumerate(run.endings, 1):
                reply = run.replies[number - 1] if number <= len(run.replies) else None
                died = getattr(reply, "ended", "") == "died"
                if ending == "never finished" or died:
                    text = f"T{number} {'ended its process' if died else 'never came back'}"
                    return fail(
                        expected, f"{text} (schedule {run.schedule})", evidence=[scene.exhibit(run, text)]
                    )
    return True


def blame(reply: Reply | None) -> str:
    """What a call did, in words: "returned", "raised DeadlockDetected (40P01): deadlock detected"."""
    if reply is None or reply.ended:
        return "did not come back"
    if reply.error is None:
        return "returned"
    text = f"raised {reply.error.type}"
    text = f"{text} ({reply.error.sqlstate})" if reply.error.sqlstate else text
    first = (reply.error.message.splitlines() or [""])[0][:160]
    return f"{text}: {first}" if first else text


def refused(reply: Reply | None) -> bool:
    """Whether a call ended with a typed refusal: an exception of the domain, or a ValueError of its own choice."""
    if reply is None or reply.error is None:
        return False
    return reply.error.kind == "domain" or (
        reply.error.kind == "builtin" and reply.error.type in ("ValueError", "LookupError")
    )


def left_open(reply: Reply | None) -> bool:
    """Whether a call ended while its transaction was still open, so that its effect was taken back."""
    return reply is not None and reply.connections.get("left") == "open"


class _Pending:
    """A call under way, whose reply is unpacked."""

    def __init__(self, worker: Any, call: Any) -> None:
        self._worker, self._call = worker, call

    def fileno(self) -> int:
        return int(self._call.fileno())

    def done(self) -> bool:
        return bool(self._call.done())

    def result(self, timeout: float = 10.0) -> Reply:
        reply: Reply = self._call.result(timeout)
        if reply.error is not None:
            left = self._worker.value("__left__").value
            return replace(reply, connections={**reply.connections, "left": str(left)})
        if isinstance(reply.value, tuple) and len(reply.value) == 2:
            value, left = reply.value
            return replace(reply, value=value, connections={**reply.connections, "left": str(left)})
        return reply


def _begin(worker: Any, part: Part, seat: Seat) -> _Pending:
    args = [a(seat) if callable(a) else a for a in part.args]
    extra = [x for k, v in part.kwargs.items() for x in (k, v(seat) if callable(v) else v)]
    # resources are only resolved as arguments of the call itself, so keywords travel flat
    call = worker.start("__call_on_pooled_positional__", part.name, len(args), *args, *extra)
    return _Pending(worker, call)


class _Actor:
    """A lane's worker process, kept from scene to scene, and the part it plays now."""

    def __init__(self, number: int, spawn: Callable[[int], Any]) -> None:
        self.number = number
        self.part = Part("")
        self.caller = Caller(lambda: spawn(number), self._begin)

    def _begin(self, worker: Any, url: str) -> _Pending:
        seat = Seat(self.number, url)
        return _begin(worker, self.part, seat)


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
                driver=_DRIVER + driver,
                callbacks=callbacks(number) if callable(callbacks) else callbacks,
                environ=environ,
            )

        self._spawn = spawn
        self._rescuer: Any = None
        self._actors = [_Actor(n + 1, spawn) for n in range(callers)]
        self.stage = Stage(database.url("learner"), database.url("admin"), callers=callers)

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
        return _begin(self._rescuer, part, Seat(0, self.database.url("learner"))).result(timeout)

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

        wrong, always: only needed to mark the step of the counterexample that broke `always(state)`.
        """
        schedule = None
        if self.asked is not None:
            faulty = any(c.fault for c in self._asked)
            if max((c.caller for c in self._asked), default=1) != len(parts) or (faulty and not faults):
                return Scene(title, asked=self.asked)
            schedule = self.asked
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
            stop=stop,
            max_runs=max_runs,
            max_seconds=SAFETY_NET,
            max_switches=max_switches,
            limits=self.limits,
        )
        return Scene(title, found.runs, f"{title}: {found.coverage}", schedule)

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


def covered(*scenes: Scene) -> str:
    """The coverage sentence of a verdict."""
    return "; ".join(scene.coverage for scene in scenes if scene.coverage)


def _equal(parts: Sequence[Part]) -> list[list[int]]:
    """Groups of parts with the same function and arguments, by number."""
    groups: dict[str, list[int]] = {}
    for number, part in enumerate(parts, 1):
        groups.setdefault(repr(part), []).append(number)
    return [group for group in groups.values() if len(group) > 1]
