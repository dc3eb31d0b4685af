"""`rename_product`: whoever edits an old version is told, and nothing is held open while people think."""

from __future__ import annotations

from collections.abc import Sequence
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

VERSION = 7
NAME = "Lamp"


@dataclass
class Alone:
    """One call by itself. valid: whether it must rename. locks: what its session still held when it had ended."""

    what: str
    valid: bool
    reply: Reply | None
    after: list[Any]  # [name, version]
    locks: int = 0


@dataclass
class History:
    alone: list[Alone] = field(default_factory=list)
    together: list[tuple[Scene, list[str]]] = field(default_factory=list)  # with the names asked for
    stale: Scene = field(default_factory=lambda: Scene("somebody up to date and somebody who is not"))
    unrelated: Scene = field(default_factory=lambda: Scene("two different products"))

    @property
    def scenes(self) -> list[Scene]:
        return [*(scene for scene, _ in self.together), self.stale, self.unrelated]


@lab.exercise(
    "rename_product",
    points=3,
    read="04-transactions: Optimistic and pessimistic",
    coverage=lambda h: covered(*h.scenes),
    hints=(
        "The user saw version 7 and thought for ten minutes. How can the database tell, at the moment of writing, "
        "that it is still version 7?",
        "Nobody has to hold a lock while a person thinks: the version that was read comes along, and is compared in "
        "the very statement that writes.",
        "One UPDATE that names id and expected version and moves the version on; no row changed means that somebody "
        "was faster, or that there is no such product. End the transaction in either case.",
    ),
)
def rename_product(answer: Answer, bench: Bench) -> History:
    database = bench.database("shop_small")
    product, other = bench.random("products").sample(range(1, 200), 2)
    database.execute(
        "UPDATE public.products SET version = %s, name = %s WHERE id = ANY (%s)",
        VERSION,
        NAME,
        [product, other],
        role="admin",
    )
    where = f"id IN ({product}, {other})"

    def observe() -> list[Any]:
        return list(database.query("SELECT name, version FROM public.products WHERE id = %s", product)[0])

    history = History()
    with Rehearsal(answer, bench, database, callers=3) as rehearsal:
        once: dict[str, Any] = {"reset": rehearsal.keep({"products": where}), "observe": observe}

        def part(name: str, version: int = VERSION, which: int = product) -> Part:
            return Part("rename_product", CONN, which, name, version)

        for what, valid, call in (
            ("the current version", True, part("Desk lamp")),
            ("an older version", False, part("Desk lamp", VERSION - 1)),
            ("a version that does not exist yet", False, part("Desk lamp", VERSION + 1)),
            ("a product that does not exist", False, part("Desk lamp", VERSION, 1_000_000)),
        ):
            run = rehearsal.alone(call, **once)
            history.alone.append(Alone(what, valid, run.replies[0], run.state))
            if not run.finished:
                return history
        once["reset"]()
        history.alone[0].locks = kept(rehearsal, part("Desk lamp"))

        def play(title: str, names: list[str], **more: Any) -> None:
            scene = rehearsal.play(
                title,
                [part(n) for n in names],
                wrong=lambda run: overwritten(names, run),
                **once,
                **more,
            )
            history.together.append((scene, names))

        play("two people who edited the same version", ["Desk lamp", "Floor lamp"])
        play(
            "three people who edited the same version", ["Desk lamp", "Floor lamp", "Table lamp"], max_runs=60
        )
        play(
            "two people who edited the same version, one of whom left the name as it was", ["Desk lamp", NAME]
        )
        history.stale = rehearsal.play(
            "somebody up to date and somebody who is not",
            [part("Desk lamp"), part("Floor lamp", VERSION - 1)],
            **once,
        )
        history.unrelated = rehearsal.play(
            "people who edit two different products",
            [part("Desk lamp"), part("Chair", VERSION, other)],
            max_switches=1,
            **once,
        )
    return history


def kept(rehearsal: Rehearsal, part: Part) -> int:
    """Calls once more, past the proxy; counts the locks of its session that outlive the call."""
    if rehearsal.rescue(part).ended:
        return 0
    rows = rehearsal.database.query(
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = %s)",
        rehearsal.database.name,
    )
    rehearsal.dismiss()
    return int(rows[0][0])


@rename_product.property(
    misconception="The version must move on with every write, or the next stale writer looks fresh.",
)
def renames(history: History) -> Ruling:
    """Alone and up to date, a call renames the product and moves its version on by one, committed."""
    for case in history.alone:
        if not case.valid:
            continue
        if case.reply is None or not case.reply.ok:
            return fail(f"renaming {case.what} succeeds", f"the call {blame(case.reply)}")
        if case.after != ["Desk lamp", VERSION + 1]:
            if left_open(case.reply):
                return fail(
                    "the new name is committed when the call returns",
                    "the call returned with its transaction still open, so the new name was rolled back",
                    "What is not committed when the call returns is rolled back by whoever gets the connection next.",
                )
            return fail(
                f"the name 'Desk lamp' in version {VERSION + 1}",
                f"the name {case.after[0]!r} in version {case.after[1]}",
            )
    return True


@rename_product.property(
    needs=["renames"],
    misconception="An UPDATE that finds no row raises nothing: the row count says whether the version still matched.",
)
def stale_writer_told(history: History) -> Ruling:
    """Whoever comes with another version than the current one is refused with a typed error, and nothing changes."""
    for case in history.alone:
        if case.valid:
            continue
        if case.after != [NAME, VERSION]:
            return fail(
                f"{case.what} changes nothing",
                f"the product became {case.after[0]!r}, version {case.after[1]}",
            )
        if not refused(case.reply):
            return fail(
                f"{case.what} is refused with a typed error (StaleVersion, UnknownProduct, or your own)",
                f"the call {blame(case.reply)}",
            )
    return True


@rename_product.property(
    needs=["renames", "stale_writer_told"],
    misconception="Comparing the version in one statement and writing in another leaves a gap in which somebody else "
    "writes.",
)
def never_overwritten(history: History) -> Ruling:
    """Of several writers with the same version exactly one wins, under every interleaving; the others change nothing."""
    for scene, names in history.together:
        ruling = holds(
            [scene],
            lambda run, n=names: overwritten(n, run),  # type: ignore[misc]
            expected=f"one call returns and its name stands, in version {VERSION + 1}",
        )
        if ruling is not True:
            return ruling
    return True


@rename_product.property(
    needs=["renames", "stale_writer_told"],
    misconception="At a stricter isolation level it is the server that refuses, with its own error; the user has to "
    "hear that the version is stale.",
)
def losers_hear_why(history: History) -> Ruling:
    """Whoever loses the race is refused with the typed error too, not with one of the database."""
    ended = all_end(history.scenes)
    if ended is not True:
        return ended

    def wrong(run: Run) -> str:
        for number, reply in enumerate(run.replies, 1):
            if not (reply is not None and reply.ok) and not refused(reply):
                return f"T{number} {blame(reply)}"
        return ""

    return holds(
        [s for s, _ in history.together], wrong, expected="StaleVersion, or a typed error of your own"
    )


@rename_product.property(
    needs=["renames", "stale_writer_told"],
    misconception="A transaction or lock that is still open when the call has ended stays open for as long as the user "
    "thinks: it holds back vacuum, and whoever it blocks.",
)
def nothing_held_while_thinking(history: History) -> Ruling:
    """When the call has ended, also with a refusal, no transaction is open and no lock is held."""
    for case in history.alone:
        if left_open(case.reply):
            return fail(
                "a connection that is idle when the call has ended",
                f"after {case.what} the call {blame(case.reply)} and left its transaction open",
            )
        if case.locks:
            return fail(
                "no lock that outlives the call",
                f"after {case.what} the session still holds an advisory lock",
            )
    return True


@rename_product.property(
    needs=["renames", "stale_writer_told"],
    misconception="That somebody else is at the row says nothing about its version: who finds it locked has to wait or "
    "look again.",
)
def fresh_writer_wins(history: History) -> Ruling:
    """Whoever comes with the current version is not refused because a stale writer is there at the same moment."""

    def wrong(run: Run) -> str:
        first, second = run.replies
        if first is None or not first.ok:
            return f"T1, in the current version {VERSION}, {blame(first)}"
        if second is not None and second.ok:
            return f"T2, in version {VERSION - 1}, returned as if it had renamed the product"
        return "" if run.state == ["Desk lamp", VERSION + 1] else f"the product became {run.state}"

    return holds(
        [history.stale], wrong, expected="the call in the current version returns, the other is refused"
    )


@rename_product.property(
    needs=["never_overwritten"],
    misconception="One lock for all products makes a queue of people who have nothing to do with each other.",
)
def others_go_on(history: History) -> Ruling:
    """People who rename different products never wait for each other."""
    return holds(
        [history.unrelated],
        lambda run: next((f"{w.waiter} had to wait for {', '.join(w.holders)}" for w in run.waits), ""),
        expected="renaming different products without waiting",
    )


def overwritten(names: Sequence[str], run: Run) -> str:
    won = [n for n, reply in zip(names, run.replies, strict=True) if reply is not None and reply.ok]
    name, version = run.state
    if len(won) > 1:
        return f"{len(won)} calls returned for version {VERSION}: {name!r} overwrote {next(n for n in won if n != name)!r}"
    if not won:
        return "" if [name, version] == [NAME, VERSION] else f"no call returned, yet the name is {name!r}"
    if [name, version] != [won[0], VERSION + 1]:
        return f"the call for {won[0]!r} returned, but the product is {name!r} in version {version}"
    return ""
