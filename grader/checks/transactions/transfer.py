"""`transfer`: money moves whole or not at all, whoever else moves money at the same moment."""

from __future__ import annotations

from typing import Any

from grader.checks.concurrency import Rehearsal, all_end, blame, covered, holds, left_open, refused
from grader.checks.exercise import Ruling, fail
from grader.checks.running import Answer, Bench
from grader.checks.transactions.balances import overdrawn, same, total, words
from grader.checks.transactions.transfer_bank import Bank, History, Staged, moved
from grader.checks.transactions.transfer_scenes import (
    at_once,
    cut_short,
    one_by_one,
    unanswered,
    unbalanced,
    without_effect,
)
from grader.checks.transactions.unit import lab
from grader.instruments.explore import Run


@lab.exercise(
    "transfer",
    points=6,
    read="04-transactions: Lost updates",
    coverage=lambda h: covered(*h.scenes),
    hints=(
        "Between the moment you look at the balance and the moment you write it, who else may have written it? "
        "And if two transfers touch the same two accounts, in which order does each take them?",
        "A row that is read to be changed can be locked while it is read, or the condition can stand in the UPDATE "
        "itself, so that looking and changing are one step. Locks are held until the transaction ends.",
        "Open one transaction; take both rows in an order that does not depend on the direction of the transfer; "
        "decide with what you then see; change both; commit once. Raise before anything was changed, or roll back.",
    ),
)
def transfer(answer: Answer, bench: Bench) -> History:
    bank = Bank(bench)
    with Rehearsal(answer, bench, bank.database, callers=3) as rehearsal:
        once: dict[str, Any] = {"reset": rehearsal.keep({"accounts": bank.where}), "observe": bank.observe}
        if one_by_one(bank, rehearsal, once):
            at_once(bank, rehearsal, once)
            cut_short(bank, rehearsal, once)
    return bank.history


@transfer.property(
    misconception="A transaction counts from the moment it is committed: what is left open when the call returns is "
    "rolled back by whoever gets the connection next.",
)
def moves_money(history: History) -> Ruling:
    """Alone, a transfer takes exactly the amount from one account and gives it to the other, committed."""
    for case in history.alone:
        if not case.valid:
            continue
        if case.reply is None or not case.reply.ok:
            return fail(f"{case.what} is carried out", f"the call {blame(case.reply)}")
        if not same(case.after, moved(case.before, [case.move])):
            if left_open(case.reply):
                return fail(
                    f"{case.what} is committed when the call returns",
                    "the call returned with its transaction still open, so it was rolled back and nothing moved",
                )
            return fail(
                f"{case.what}: {case.move.amount} leaves one account and arrives in the other, nothing else changes",
                f"balances {words(case.before)} became {words(case.after)}",
                "Only what belongs to this transfer may change."
                if dict(case.before) != dict(case.after)
                else "",
            )
    return True


@transfer.property(
    needs=["moves_money"],
    misconception="An UPDATE that finds no row is no error for the server: whether it found one must be asked.",
)
def typed_refusal(history: History) -> Ruling:
    """What cannot be done is refused with an exception of the shop, and nothing is changed."""
    for case in history.alone:
        if case.valid:
            continue
        if not same(case.after, moved(case.before, [])):
            return fail(
                f"{case.what} changes nothing", f"balances {words(case.before)} became {words(case.after)}"
            )
        if not refused(case.reply):
            return fail(
                f"{case.what} is refused with a typed error (InsufficientFunds, UnknownAccount, InvalidAmount, "
                "or your own)",
                f"the call {blame(case.reply)}",
            )
    return True


@transfer.property(
    needs=["moves_money", "typed_refusal"],
    misconception="What was read before somebody else committed is old; writing a balance computed from it overwrites "
    "the other transfer.",
)
def no_lost_update(history: History) -> Ruling:
    """Under every interleaving money is conserved, and every call that returned has had its effect."""
    for staged in history.together:

        def wrong(run: Run, staged: Staged = staged) -> str:
            return unbalanced(history.before, run) or without_effect(history.before, staged.moves, run)

        ruling = holds(
            [staged.scene],
            wrong,
            expected=f"{total(history.before)} in the accounts together, as before, and each transfer that returned in "
            "the balances",
            misconception=lambda run: (
                "The server refused a statement, which takes back the whole transaction; whoever "
                "swallows that error tells the customer that money has moved."
                if run.deadlocks or run.serialization_failures
                else ""
            ),
        )
        if ruling is not True:
            return ruling
    return True


@transfer.property(
    needs=["moves_money", "typed_refusal"],
    misconception="The balance was looked at before the other transfer took its money; between the look and the "
    "change nothing was locked.",
)
def no_overdraft(history: History) -> Ruling:
    """No account goes below zero under any interleaving."""
    return holds([s.scene for s in history.together], overdrawn, expected="balances of zero or more")


@transfer.property(
    needs=["moves_money"],
    misconception="Two transfers that take the same rows in different orders, or first share them and then both want to "
    "change them, wait for each other: the server ends one of them. Taking what will be changed in a fixed order rules "
    "that out; otherwise the loser has to be tried again.",
)
def every_transfer_answered(history: History) -> Ruling:
    """Each concurrent call does its transfer, or refuses it because the money is not there: none fails otherwise."""
    ended = all_end(history.scenes)
    if ended is not True:
        return ended
    for staged in history.together:

        def wrong(run: Run, staged: Staged = staged) -> str:
            return unanswered(history.before, staged.moves, run)

        ruling = holds(
            [staged.scene],
            wrong,
            expected="every call returns with its transfer done, or refuses it with reason",
            misconception=why_unanswered,
        )
        if ruling is not True:
            return ruling
    return True


def why_unanswered(run: Run) -> str:
    """The likely wrong idea, by what the server had to do; deadlocks are what the property's own words are about."""
    if run.deadlocks:
        return ""
    if run.serialization_failures:
        return (
            "At REPEATABLE READ and SERIALIZABLE the server refuses whoever comes too late. That is no answer to a "
            "customer who has the money: the whole transfer has to be tried again, from its first read."
        )
    return "That a row is busy, or was skipped because it is locked, says nothing about the money in it."


@transfer.property(
    needs=["moves_money"],
    misconception="Two transactions are two chances to stop in between: both changes belong into one.",
)
def all_or_nothing(history: History) -> Ruling:
    """A transfer that is cut short anywhere has moved all of its money or none."""
    assert history.crash
    moves = history.crash.moves
    before, after = moved(history.before, []), moved(history.before, moves)

    def wrong(run: Run) -> str:
        reply = run.replies[0]
        if not same(run.state, before) and not same(run.state, after):
            return f"the money left one account and did not arrive: {words(run.state)}"
        if reply is not None and reply.ok and not same(run.state, after):
            return "the call returned as if all were well, but nothing has moved"
        return ""

    return holds([history.crash.scene], wrong, expected="all of the transfer, or nothing of it")


@transfer.property(
    needs=["every_transfer_answered", "no_lost_update"],
    misconception="A lock on more than the two rows makes everybody stand in one queue, also those who have nothing "
    "to do with each other.",
)
def others_go_on(history: History) -> Ruling:
    """A transfer between two other accounts never has to wait."""
    assert history.unrelated
    return holds(
        [history.unrelated.scene],
        lambda run: next((f"{w.waiter} had to wait for {', '.join(w.holders)}" for w in run.waits), ""),
        expected="transfers between different accounts do not wait for each other",
    )
