"""Messages delivered to a function: again, in other orders, at the same moment, and into crashes.

`upsert_price`, `handle_event` and `apply_webhook` are judged by the same question: whatever way the messages of a
set arrive, each at least once, what is stored in the end must be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from grader.checks.concurrency import CONN, Part, Rehearsal, Scene, blame, covered, holds, left_open
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Call, Reply, Resource, Worker
from grader.instruments.explore import Limits, Run
from grader.verdict import Evidence

State = list[list[str]]  # rows as text, JSON-safe
NEVER = "An earlier call never came back, so this was not tried."
ENOUGH = 5  # broken runs of one scene after which the rest is not played
MOST = 50  # schedules of two deliveries
PATIENCE = 10.0  # seconds for one delivery, a safety net
PATIENT = Limits(patience=2, thinking=6)  # a busy machine is no reason to go on without a caller
TRIES = 4  # deliveries of one message before its sender gives up


@dataclass
class Series:
    """Deliveries one after the other, and what was stored in the end. messages: in words, in order of arrival.

    wanted: what must be stored. kind: which property looks at it.
    """

    kind: str
    what: str
    messages: list[str]
    wanted: State
    replies: list[Reply | None] = field(default_factory=list)
    state: State = field(default_factory=list)

    def table(self) -> Evidence:
        """The deliveries as rows."""
        rows = [
            [n + 1, m, blame(r)] for n, (m, r) in enumerate(zip(self.messages, self.replies, strict=False))
        ]
        return Evidence("table", self.what, {"columns": ["", "delivered", "the call"], "rows": rows})


@dataclass
class Staged:
    """Deliveries at one moment, under all schedules. state of a run: {"before": rows, "after": rows, "again": [words]}.

    "before" is what was stored when the calls had ended, "after" once every message whose call did not return had
    been delivered again; "again" says how those deliveries ended.
    """

    scene: Scene
    wanted: State
    start: State = field(default_factory=list)


@dataclass
class History:
    series: list[Series] = field(default_factory=list)
    together: list[Staged] = field(default_factory=list)
    crash: list[Staged] = field(default_factory=list)
    unrelated: list[Scene] = field(default_factory=list)

    def of(self, kind: str) -> list[Series]:
        return [s for s in self.series if s.kind == kind]

    @property
    def scenes(self) -> list[Scene]:
        return [*(s.scene for s in (*self.together, *self.crash)), *self.unrelated]

    @property
    def hopeless(self) -> bool:
        """A call never came back: no use in going on."""
        return any(r is None or r.ended for s in self.series for r in s.replies) or any(
            not run.finished for scene in self.scenes for run in scene.runs
        )


DRIVER = """
def __deliver__(name, conn, *args):
    left = "idle"
    try:
        globals()[name](conn, *args)
    finally:
        if not conn.closed and conn.info.transaction_status.name != "IDLE":
            left = "open"
            conn.rollback()
        if not conn.closed:
            conn.autocommit = False
            conn.isolation_level = conn.read_only = conn.deferrable = None
            conn.row_factory = psycopg.rows.tuple_row
    return left
"""


class Postman:
    """Delivers messages of one kind to `exercise`. args(message): what follows `conn`; words(message): for the learner.

    Deliveries one by one go to a process of their own, straight to the server; those at one moment to the callers
    of `rehearsal`.
    """

    def __init__(
        self,
        answer: Answer,
        rehearsal: Rehearsal,
        reset: Callable[[], object],
        observe: Callable[[], State],
        args: Callable[[Any], Sequence[Any]],
        words: Callable[[Any], str],
    ) -> None:
        self.answer, self.rehearsal, self.reset, self.observe = answer, rehearsal, reset, observe
        self.args, self.words = args, words
        self._worker: Worker | None = None

    def part(self, message: Any) -> Part:
        return Part(self.answer.exercise, CONN, *self.args(message))

    def series(self, kind: str, what: str, messages: Sequence[Any], wanted: State) -> Series:
        """One after the other, undisturbed."""
        found = Series(kind, what, [self.words(m) for m in messages], wanted)
        self.reset()
        for message in messages:
            reply = self._deliver(message)
            found.replies.append(reply)
            if reply is None or reply.ended:
                break
        found.state = self.observe()
        return found

    def together(
        self,
        title: str,
        messages: Sequence[Any],
        wanted: State,
        *,
        reset: Callable[[], object] | None = None,
        **more: Any,
    ) -> Staged:
        """At one moment; whoever did not return is delivered again afterwards. reset: another first state."""
        return self._stage(title, messages, wanted, reset or self.reset, **more)

    def crash(
        self, title: str, message: Any, wanted: State, *, reset: Callable[[], object] | None = None
    ) -> Staged:
        """One delivery that fails at every boundary, and is repeated."""
        return self._stage(title, [message], wanted, reset or self.reset, faults="!<>")

    def _stage(
        self, title: str, messages: Sequence[Any], wanted: State, reset: Callable[[], object], **more: Any
    ) -> Staged:
        reset()
        start = self.observe()
        seen: dict[str, Any] = {}

        def recover(run: Run) -> None:
            seen["before"] = self.observe()
            seen["again"] = []
            for message, reply in zip(messages, run.replies, strict=True):
                if run.finished and not (reply is not None and reply.ok):
                    for _ in range(TRIES):
                        again = self._deliver(message)
                        seen["again"].append(f"{self.words(message)}: the call {blame(again)}")
                        if again is not None and (again.ok or again.ended):
                            break

        broken: list[Run] = []

        def stop(run: Run) -> bool:
            if run.state["after"] != wanted:
                broken.append(run)
            return len(broken) >= ENOUGH

        def observe() -> Any:
            return {**seen, "after": self.observe() if seen["again"] else seen["before"]}

        scene = self.rehearsal.play(
            title,
            [self.part(m) for m in messages],
            reset=reset,
            observe=observe,
            recover=recover,
            stop=stop,
            reduce=True,
            **{"max_runs": MOST, **more},
        )
        return Staged(scene, wanted, start)

    def begin(self, message: Any, url: str = "") -> Call:
        """Begins a delivery over the connection to `url`, straight to the server if there is none."""
        if self._worker is None:
            self._worker = self.answer.spawn(driver=DRIVER)
        url = url or self.rehearsal.database.url()
        connection = Resource("connection", url, id=f"conn {url}")
        return self._worker.start("__deliver__", self.answer.exercise, connection, *self.args(message))

    def end(self, call: Call) -> Reply:
        """What became of the delivery that `begin` began."""
        reply = call.result(PATIENCE)
        if reply.ended:
            self._worker = None
        return replace(reply, connections={"left": str(reply.value)}) if reply.ok else reply

    def dismiss(self) -> None:
        """Ends the process that is delivered to, and with it whatever its sessions hold."""
        if self._worker is not None:
            self._worker.kill()
            self._worker = None

    @property
    def pids(self) -> list[int]:
        """Of the process that is delivered to."""
        return [self._worker.pid] if self._worker is not None else []

    def _deliver(self, message: Any) -> Reply:
        return self.end(self.begin(message))


def serve(found: Sequence[Series], expected: str, stored: Callable[[State], str]) -> Ruling:
    """Whether in each of these series every delivery returned and the right thing is stored in the end."""
    for one in found:
        ruling = _serve(one, expected, stored)
        if ruling is not True:
            return ruling
    return True if found else unknown(NEVER)


def _serve(found: Series, expected: str, stored: Callable[[State], str]) -> Ruling:
    for message, reply in zip(found.messages, found.replies, strict=False):
        if reply is None or not reply.ok:
            happened = f"{message}: the call {blame(reply)}"
            return fail(
                f"every delivery returns; {expected}",
                f"{found.what}: {happened}",
                "Whoever delivers takes an exception for a failure and delivers again, for ever.",
                evidence=[found.table()],
            )
    if found.state == found.wanted:
        return True
    if any(left_open(r) for r in found.replies):
        return fail(
            "what a call did is committed when it returns",
            "the call returned with its transaction still open, so it was rolled back: "
            f"{found.what}, stored is {stored(found.state)}",
            "A transaction counts from the moment it is committed: what is left open when the call returns is rolled "
            "back by whoever gets the connection next.",
            [found.table()],
        )
    return fail(
        expected,
        f"{found.what}: stored is {stored(found.state)}, must be {stored(found.wanted)}",
        "",
        [found.table()],
    )


def converges(
    staged: Sequence[Staged], expected: str, stored: Callable[[State], str], misconception: str = ""
) -> Ruling:
    """Whether under every schedule or fault the right thing is stored once every message has been taken."""
    for one in staged:

        def wrong(run: Run, one: Staged = one) -> str:
            if run.state["after"] == one.wanted:
                return ""
            told = f"; then again {', '.join(run.state['again'])}" if run.state["again"] else ""
            return f"stored in the end{told}: {stored(run.state['after'])}, must be {stored(one.wanted)}"

        ruling = holds([one.scene], wrong, expected=expected, misconception=misconception)
        if ruling is not True:
            return ruling
    return True if staged else unknown(NEVER)


def whole(staged: Sequence[Staged], expected: str, stored: Callable[[State], str]) -> Ruling:
    """Whether a delivery that was cut short has had all of its effect or none, before it is repeated."""
    for one in staged:

        def wrong(run: Run, one: Staged = one) -> str:
            reply = run.replies[0]
            before = run.state["before"]
            if before not in (one.start, one.wanted):
                return f"half of it is there: {stored(before)}"
            if reply is not None and reply.ok and before != one.wanted:
                return f"the call returned as if all were well, but stored is {stored(before)}"
            return ""

        ruling = holds([one.scene], wrong, expected=expected)
        if ruling is not True:
            return ruling
    return True if staged else unknown(NEVER)


def answered(staged: Sequence[Staged], expected: str, misconception: str = "") -> Ruling:
    """Whether every concurrent call returned by itself."""

    def wrong(run: Run) -> str:
        for number, reply in enumerate(run.replies, 1):
            if reply is None or not reply.ok:
                return f"T{number} {blame(reply)}"
        return ""

    return holds([s.scene for s in staged], wrong, expected=expected, misconception=misconception)


def waits(scenes: Sequence[Scene | None], expected: str) -> Ruling:
    """Whether nobody waited in scenes whose calls have nothing to do with each other. None: one that was not played."""
    played = [scene for scene in scenes if scene is not None]
    if not played:
        return unknown(NEVER)
    return holds(
        played,
        lambda run: next((f"{w.waiter} had to wait for {', '.join(w.holders)}" for w in run.waits), ""),
        expected=expected,
    )


def coverage(history: History) -> str:
    orders = len([s for s in history.series if len(s.messages) > 1])
    return "; ".join(
        filter(None, [f"{orders} orders of delivery, one after the other", covered(*history.scenes)])
    )
