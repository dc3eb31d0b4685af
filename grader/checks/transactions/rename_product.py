"""`rename_product`: whoever edits an old version is told, and nothing is held open while people think."""

from __future__ import annotations

from grader.checks.concurrency import all_end, blame, covered, holds, left_open, refused
from grader.checks.exercise import Ruling, fail
from grader.checks.running import Answer, Bench
from grader.checks.transactions.rename_product_scenes import NAME, VERSION, History, overwritten, play_all
from grader.checks.transactions.unit import lab
from grader.instruments.explore import Run


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
    return play_all(answer, bench)


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
