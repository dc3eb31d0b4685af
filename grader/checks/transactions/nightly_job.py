"""`nightly_job`: once a night, on whichever node comes first, also if that node dies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.checks.concurrency import CONN, Part, Rehearsal, Scene, all_end, blame, covered, holds, left_open
from grader.checks.exercise import InfrastructureFault, Ruling, fail
from grader.checks.running import Answer, Bench, Reply, Resource
from grader.checks.transactions.unit import lab
from grader.instruments.explore import Run

TABLE = """
CREATE TABLE job_runs (
    night date PRIMARY KEY,
    finished_at timestamptz NOT NULL DEFAULT now()
)"""
JOB = Resource("callback", "job")
BROKEN = Resource("callback", "broken_job")


@dataclass
class Alone:
    """One call by itself. ran: how often the job ran; recorded: whether tonight is in the table."""

    what: str
    reply: Reply | None
    ran: int
    recorded: bool


@dataclass
class History:
    """States of runs are [how often the job ran, how many nights are recorded]; after a crash another node has
    called too."""

    first: Alone | None = None
    again: Alone | None = None
    broken: Alone | None = None
    after_broken: Alone | None = None
    together: list[Scene] = field(default_factory=list)
    crash: Scene = field(default_factory=lambda: Scene("a node that dies"))

    @property
    def scenes(self) -> list[Scene]:
        return [*self.together, self.crash]


@lab.exercise(
    "nightly_job",
    points=4,
    read="04-transactions: Advisory locks",
    coverage=lambda h: covered(*h.scenes),
    hints=(
        "Three nodes wake at midnight. What makes one of them go ahead, and how does a node that wakes a minute late "
        "know that it is done already?",
        "A lock that belongs to a session or transaction is gone when the node is; a row that says 'running' is not. "
        "And to know that it is done takes a row.",
        "Take a lock that dies with its holder, then look at job_runs, run the job, record the night, and let go: in "
        "this order. Looking before the lock is held tells you nothing.",
    ),
)
def nightly_job(answer: Answer, bench: Bench) -> History:
    database = bench.database("empty")
    database.execute(TABLE)
    owner = database.connection("learner")
    ran: list[int] = []

    def callbacks(number: int) -> dict[str, Any]:
        def broken_job() -> None:
            ran.append(number)
            raise RuntimeError("the job failed half-way")

        return {"job": lambda: ran.append(number), "broken_job": broken_job}

    def reset() -> None:
        ran.clear()
        owner.execute("DELETE FROM public.job_runs")

    def nothing() -> None:
        ran.clear()

    def today() -> Any:
        return database.query("SELECT current_date")

    night = today()

    def observe() -> list[int]:
        nights = database.query("SELECT pg_catalog.count(*) FROM public.job_runs WHERE night = current_date")
        return [len(ran), int(nights[0][0])]

    history = History()
    with Rehearsal(answer, bench, database, callers=3, callbacks=callbacks) as rehearsal:

        def alone(what: str, job: Resource, before: Any) -> Alone:
            run = rehearsal.alone(Part("nightly_job", CONN, job), reset=before, observe=observe)
            return Alone(what, run.replies[0], run.state[0], run.state[1] == 1)

        history.first = alone("the first node", JOB, reset)
        if history.first.reply is None or history.first.reply.ended:
            return history
        history.again = alone("a node that comes later", JOB, nothing)
        reset()
        reply = rehearsal.rescue(Part("nightly_job", CONN, BROKEN))  # a node that lives on, with its session
        history.broken = Alone("a node whose job fails", reply, len(ran), observe()[1] == 1)
        history.after_broken = alone("the next node after that", JOB, nothing)
        rehearsal.dismiss()
        part = Part("nightly_job", CONN, JOB)
        for title, count, limit in (
            ("two nodes that wake at once", 2, 252),
            ("three nodes that wake at once", 3, 60),
        ):
            scene = rehearsal.play(
                title, [part] * count, reset=reset, observe=observe, wrong=more_than_once, max_runs=limit
            )
            history.together.append(scene)
        history.crash = rehearsal.crash(
            "a node that dies, and another that comes after it",
            part,
            reset=reset,
            observe=observe,
            recover=lambda run: rehearsal.rescue(part, timeout=5.0),
        )
    if today() != night:
        raise InfrastructureFault("midnight passed while the job was judged")
    return history


def more_than_once(run: Run) -> str:
    return f"the job ran {run.state[0]} times" if run.state[0] > 1 else ""


@nightly_job.property(
    misconception="What is not committed when the call returns is rolled back: the next node then knows nothing of it.",
)
def runs_and_records(history: History) -> Ruling:
    """The first node of the night runs the job once and records the night, committed."""
    case = history.first
    assert case
    if case.reply is None or not case.reply.ok:
        return fail("the job run, and a call that returns", f"the call {blame(case.reply)}")
    if case.ran != 1:
        return fail("the job runs once", f"it ran {case.ran} times")
    if not case.recorded:
        happened = "no row for tonight (current_date) is in job_runs"
        if left_open(case.reply):
            happened = "the call returned with its transaction still open, so the night's row was rolled back"
        return fail("tonight is recorded in job_runs", happened)
    return True


@nightly_job.property(
    needs=["runs_and_records"],
    misconception="A lock tells who is at work now, not who has been: when it is free again only a row can say that the "
    "job is done.",
)
def not_again_tonight(history: History) -> Ruling:
    """A node that comes when the job is done returns without running it."""
    case = history.again
    assert case
    if case.reply is None or not case.reply.ok:
        return fail("a call that returns", f"the call {blame(case.reply)}")
    return case.ran == 0 or fail("the job does not run again tonight", "it ran once more")


@nightly_job.property(
    needs=["not_again_tonight"],
    misconception="Looking whether it is done and then starting leaves a gap; only a look after the lock is held counts, "
    "and the lock must be held until the night is recorded.",
)
def once_under_all_schedules(history: History) -> Ruling:
    """However the nodes come between each other, the job runs exactly once and the night is recorded."""

    def wrong(run: Run) -> str:
        if run.state == [1, 1]:
            return ""
        return f"the job ran {run.state[0]} times" if run.state[0] != 1 else "the night is not recorded"

    return holds(history.together, wrong, expected="one run of the job")


@nightly_job.property(
    needs=["runs_and_records"],
    misconception="Not to be the one is no error: a unique violation or a lock that is not free must not reach the caller.",
)
def losers_return(history: History) -> Ruling:
    """A node that is not the one returns; it does not raise."""
    ended = all_end(history.together)
    if ended is not True:
        return ended
    return holds(
        history.together,
        lambda run: next(
            (
                f"T{n} {blame(reply)}"
                for n, reply in enumerate(run.replies, 1)
                if reply is None or not reply.ok
            ),
            "",
        ),
        expected="every node's call returns",
    )


@nightly_job.property(
    needs=["runs_and_records"],
    misconception="A committed row that says 'running' outlives the node that wrote it. Locks of a session or transaction "
    "end with it.",
)
def freed_if_the_node_dies(history: History) -> Ruling:
    """If a node dies anywhere on the way, the next one sees to it that the job gets done and recorded."""

    def wrong(run: Run) -> str:
        if run.state[0] == 0:
            return "the job never ran: the next node took it for somebody else's"
        return (
            ""
            if run.state[1] == 1
            else "the night was never recorded: the next node took it for somebody else's"
        )

    return holds([history.crash], wrong, expected="the job done by the next node")


@nightly_job.property(
    needs=["runs_and_records"],
    misconception="Done is what has succeeded: a night recorded before the job has run, and committed, lies when it fails.",
)
def failure_not_recorded(history: History) -> Ruling:
    """A job that fails raises to the caller, is not recorded, and is run by the next node."""
    broken, after = history.broken, history.after_broken
    assert broken and after
    if broken.recorded:
        return fail("a night whose job failed is not recorded", "it stands in job_runs as if it were done")
    if broken.reply is not None and broken.reply.ok:
        return fail("the job's error reaches the caller", "the call returned as if all were well")
    if after.ran != 1 or not after.recorded:
        return fail(
            "the next node runs the job",
            f"the job ran {after.ran} times; the call {blame(after.reply)}",
            "A lock of the session is not given back by ROLLBACK: whoever takes one lets go of it also when the job fails.",
        )
    return True
