"""`settle`: batches that share accounts queue up, in whatever order their transfers are listed."""

from __future__ import annotations

from typing import Any

from grader.checks.concurrency import Rehearsal, all_end, blame, covered, holds, left_open, refused
from grader.checks.exercise import Ruling, fail
from grader.checks.running import Answer, Bench
from grader.checks.transactions.balances import overdrawn, same, words
from grader.checks.transactions.settle_bank import Bank, History, settled
from grader.checks.transactions.settle_scenes import at_once, cut_short, deadlocked, miscounted, one_by_one
from grader.checks.transactions.unit import lab
from grader.instruments.explore import Run


@lab.exercise(
    "settle",
    points=4,
    read="04-transactions: Deadlocks",
    coverage=lambda h: covered(*h.scenes),
    hints=(
        "Batch one pays from 1 to 2, batch two from 2 to 1. At which moment does each hold what the other needs?",
        "A deadlock needs two who take the same locks in different orders. The order of the list is the customer's; "
        "the order of the locks is yours.",
        "Collect all accounts of the batch first, lock them once, sorted; then work through the list in any order you "
        "like and commit once.",
    ),
)
def settle(answer: Answer, bench: Bench) -> History:
    bank = Bank(bench)
    with Rehearsal(answer, bench, bank.database, callers=3) as rehearsal:
        once: dict[str, Any] = {"reset": rehearsal.keep({"accounts": bank.where}), "observe": bank.observe}
        if one_by_one(bank, rehearsal, once):
            at_once(bank, rehearsal, once)
            cut_short(bank, rehearsal, once)
    return bank.history


@settle.property(
    misconception="Every line counts: an account may occur many times, and there may be no line at all. What is not committed when the call returns is rolled back.",
)
def settles(history: History) -> Ruling:
    """Alone, a batch carries out every one of its transfers, committed."""
    for case in history.alone:
        if not case.valid:
            continue
        if case.reply is None or not case.reply.ok:
            return fail(f"{case.what} is settled", f"the call {blame(case.reply)}")
        wanted = settled(history.before, [case.batch])
        if not same(case.after, wanted):
            return fail(
                f"{case.what}: balances {words(wanted)}",
                "the call returned with its transaction still open, so it was rolled back"
                if left_open(case.reply)
                else f"balances {words(case.after)}",
            )
    return True


@settle.property(
    needs=["settles"],
    misconception="One transfer that cannot be done takes back the whole batch: no half of it may stand.",
)
def refused_as_a_whole(history: History) -> Ruling:
    """A batch with a transfer that cannot be done is refused with a typed error, and none of it is carried out."""
    for case in history.alone:
        if case.valid:
            continue
        if not same(case.after, settled(history.before, [])):
            return fail(
                f"{case.what} changes nothing", f"balances {words(history.before)} became {words(case.after)}"
            )
        if not refused(case.reply):
            return fail(
                f"{case.what} is refused with a typed error (InsufficientFunds, UnknownAccount, or your own)",
                f"the call {blame(case.reply)}",
            )
    return True


@settle.property(
    needs=["settles"],
    misconception="Locks taken in the order of the list, or of the sources, or as the plan of an UPDATE happens to find "
    "the rows, are taken in opposite orders by some other batch. To try again after a deadlock hides it and does the work twice.",
)
def never_deadlocks(history: History) -> Ruling:
    """Under every interleaving the server never has to break a deadlock."""
    return holds(
        [s for s, _ in history.together], deadlocked, expected="batches that queue up behind each other"
    )


@settle.property(
    needs=["settles"],
    misconception="Balances computed from what was read before the lock was held overwrite the other batch.",
)
def no_lost_update(history: History) -> Ruling:
    """Under every interleaving the balances show exactly the batches that returned."""
    for scene, batches in history.together:
        ruling = holds(
            [scene],
            lambda run, b=batches: miscounted(history.before, b, run),  # type: ignore[misc]
            expected="every transfer of every batch that returned, and no other",
        )
        if ruling is not True:
            return ruling
    return True


@settle.property(
    needs=["settles"],
    misconception="Whether there is enough was decided by what was read before the accounts were locked; by then another "
    "batch had been paid.",
)
def no_overdraft(history: History) -> Ruling:
    """Of two batches out of one account that pays for one, at most one is settled, under every interleaving."""
    return holds([history.scarce], overdrawn, expected="no balance below zero")


@settle.property(
    needs=["never_deadlocks"],
    misconception="An error of the server is no answer to a customer whose batch could be settled.",
)
def every_batch_settled(history: History) -> Ruling:
    """Each of the concurrent batches, all of which can be paid, is settled."""
    ended = all_end(history.scenes)
    if ended is not True:
        return ended
    return holds(
        [s for s, _ in history.together],
        lambda run: next(
            (
                f"T{n} {blame(reply)}"
                for n, reply in enumerate(run.replies, 1)
                if reply is None or not reply.ok
            ),
            "",
        ),
        expected="every call returns",
    )


@settle.property(
    needs=["settles"],
    misconception="A commit between two transfers is a place where a crash leaves half a batch.",
)
def all_or_nothing(history: History) -> Ruling:
    """A batch that is cut short anywhere is carried out whole or not at all."""
    assert history.crash
    scene, batch = history.crash
    before, after = settled(history.before, []), settled(history.before, [batch])

    def wrong(run: Run) -> str:
        if not same(run.state, before) and not same(run.state, after):
            return f"half a batch: {words(history.before)} became {words(run.state)}"
        reply = run.replies[0]
        if reply is not None and reply.ok and not same(run.state, after):
            return "the call returned as if all were well, but nothing was settled"
        return ""

    return holds([scene], wrong, expected="all of the batch, or nothing of it")


@settle.property(
    needs=["every_batch_settled", "no_lost_update"],
    misconception="One lock for everybody rules deadlocks out, and concurrency with them.",
)
def others_go_on(history: History) -> Ruling:
    """Batches without a common account never wait for each other."""
    return holds(
        [history.unrelated],
        lambda run: next((f"{w.waiter} had to wait for {', '.join(w.holders)}" for w in run.waits), ""),
        expected="batches over different accounts that do not wait for each other",
    )
