"""`go_off_call`: somebody stays on call, whoever leaves at the same moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.checks.concurrency import (
    CONN,
    Part,
    Rehearsal,
    Scene,
    all_end,
    blame,
    covered,
    holds,
    left_open,
    refused,
)
from grader.checks.exercise import Ruling, fail
from grader.checks.running import Answer, Bench, Reply
from grader.checks.transactions.unit import lab
from grader.instruments.explore import Run

TABLE = """
CREATE TABLE doctors (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    on_call boolean NOT NULL
)"""
AGAIN = ("40001", "40P01")  # whoever calls may try the whole unit again: no harm done

READER = """
def __look_at_rota__(conn):
    return conn.execute("SELECT count(*) FROM doctors WHERE on_call").fetchone()[0]
"""


@dataclass
class Alone:
    """One call by itself. valid: whether the doctor may go. on_call: ids before and after."""

    what: str
    doctor: int
    valid: bool
    before: list[int]
    reply: Reply | None
    after: list[int]


@dataclass
class History:
    alone: list[Alone] = field(default_factory=list)
    together: list[Scene] = field(default_factory=list)
    reader: Scene = field(default_factory=lambda: Scene("somebody who looks at the rota"))

    @property
    def scenes(self) -> list[Scene]:
        return [*self.together, self.reader]


@lab.exercise(
    "go_off_call",
    points=4,
    read="04-transactions: Write skew",
    coverage=lambda h: covered(*h.scenes),
    hints=(
        "Two doctors look at the rota at the same moment and each sees the other on call. Which row do both of them "
        "write?",
        "None: each changes only its own row, so no row lock brings them together. Something both of them touch has to "
        "be locked, or the server has to watch what was read.",
        "Lock all rows that the decision rests on, not only the one that changes; or one lock for the whole rota; or "
        "the isolation level that notices reads gone stale, and try again when it refuses.",
    ),
)
def go_off_call(answer: Answer, bench: Bench) -> History:
    database = bench.database("empty")
    database.execute(TABLE)
    random = bench.random("doctors")
    ids = sorted(random.sample(range(10, 1000), 4))
    for id, name in zip(ids, ("Adams", "Brown", "Cohen", "Diaz"), strict=True):
        database.execute("INSERT INTO doctors VALUES (%s, %s, false)", id, name)
    owner = database.connection("learner")

    def on_call(*doctors: int) -> Any:
        wanted = list(doctors)
        return lambda: owner.execute("UPDATE public.doctors SET on_call = (id = ANY (%s))", [wanted])

    def observe() -> list[int]:
        return [id for (id,) in database.query("SELECT id FROM public.doctors WHERE on_call ORDER BY id")]

    a, b, c, _ = ids
    history = History()
    with Rehearsal(answer, bench, database, callers=3, driver=READER) as rehearsal:

        def part(doctor: int) -> Part:
            return Part("go_off_call", CONN, doctor)

        for what, valid, before in (
            ("with two colleagues on call", True, [a, b, c]),
            ("with one colleague on call", True, [a, c]),
            ("alone on call", False, [a]),
        ):
            run = rehearsal.alone(part(a), reset=on_call(*before), observe=observe)
            history.alone.append(Alone(what, a, valid, before, run.replies[0], run.state))
            if not run.finished:
                return history
        pair = rehearsal.play(
            "two doctors who leave at once",
            [part(a), part(b)],
            reset=on_call(a, b),
            observe=observe,
            wrong=nobody,
        )
        trio = rehearsal.play(
            "three doctors who leave at once",
            [part(a), part(b), part(c)],
            reset=on_call(a, b, c),
            observe=observe,
            wrong=nobody,
            max_runs=60,
        )
        history.together = [pair, trio]
        history.reader = rehearsal.play(
            "a doctor who leaves while somebody looks at the rota",
            [part(a), Part("__look_at_rota__", CONN)],
            reset=on_call(a, b),
            observe=observe,
            max_switches=1,
        )
    return history


def nobody(run: Run) -> str:
    return "" if run.state else "nobody is on call"


@go_off_call.property(
    misconception="What is not committed when the call returns is rolled back by whoever gets the connection next.",
)
def goes_off(history: History) -> Ruling:
    """With a colleague on call, a doctor goes off call, committed; nobody else's duty changes."""
    for case in history.alone:
        if not case.valid:
            continue
        if case.reply is None or not case.reply.ok:
            return fail(f"a doctor {case.what} may go", f"the call {blame(case.reply)}")
        if case.after != [d for d in case.before if d != case.doctor]:
            return fail(
                f"of {case.before} only doctor {case.doctor} goes off call",
                "the call returned with its transaction still open, so it was rolled back"
                if left_open(case.reply)
                else f"on call are now {case.after}",
            )
    return True


@go_off_call.property(
    needs=["goes_off"],
    misconception="The last one must hear that he stays: an exception of the domain says so, silence does not.",
)
def last_one_stays(history: History) -> Ruling:
    """The only doctor on call is refused with a typed error, and stays."""
    for case in history.alone:
        if case.valid:
            continue
        if case.after != case.before:
            return fail(
                f"doctor {case.doctor}, {case.what}, stays", f"on call are now {case.after or 'none'}"
            )
        if not refused(case.reply):
            return fail("a typed refusal (NoDoctorLeft, or your own)", f"the call {blame(case.reply)}")
    return True


@go_off_call.property(
    needs=["goes_off", "last_one_stays"],
    misconception="Write skew: each decides on what it read, each writes another row, so neither lock nor row count "
    "brings them together, and a count inside the UPDATE is read from a snapshot too.",
)
def somebody_stays(history: History) -> Ruling:
    """Under every interleaving somebody is on call at the end."""
    return holds(history.together, nobody, expected="at least one doctor on call")


@go_off_call.property(
    needs=["goes_off", "last_one_stays"],
    misconception="One may go and hears so; the other hears that he must stay, or that he should try again.",
)
def every_doctor_answered(history: History) -> Ruling:
    """Each call goes through, or is refused (typed, or with a serialization failure); whoever returned is off call."""
    ended = all_end(history.scenes)
    if ended is not True:
        return ended

    def wrong(run: Run) -> str:
        for number, reply in enumerate(run.replies, 1):
            again = reply is not None and reply.error is not None and reply.error.sqlstate in AGAIN
            if not (reply is not None and reply.ok) and not refused(reply) and not again:
                return f"T{number} {blame(reply)}"
        gone = sum(1 for reply in run.replies if reply is not None and reply.ok)
        if len(run.replies) - gone != len(run.state):
            return f"{gone} of {len(run.replies)} calls returned, but {len(run.state)} doctors are on call"
        return "" if gone else "every doctor was refused, although one could have gone"

    return holds(
        history.together, wrong, expected="whoever returns is off call, whoever is refused is on call"
    )


@go_off_call.property(
    needs=["somebody_stays"],
    misconception="ACCESS EXCLUSIVE keeps out even those who only read; no cure of write skew needs that.",
)
def readers_go_on(history: History) -> Ruling:
    """Whoever only looks at the rota never waits."""
    return holds(
        [history.reader],
        lambda run: next(
            (f"the reader had to wait for {', '.join(w.holders)}" for w in run.waited("T2")), ""
        ),
        expected="a SELECT on doctors that does not wait",
    )
