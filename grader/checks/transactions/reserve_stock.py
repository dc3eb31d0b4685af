"""`reserve_stock`: the last piece is sold once, and nobody waits for buyers of something else."""

from __future__ import annotations

from grader.checks.concurrency import all_end, blame, covered, holds, left_open, refused
from grader.checks.exercise import Ruling, fail
from grader.checks.running import Answer, Bench
from grader.checks.transactions.reserve_stock_scenes import (
    STOCK,
    History,
    miscounted,
    oversold,
    play_all,
    unanswered,
)
from grader.checks.transactions.unit import lab


@lab.exercise(
    "reserve_stock",
    points=3,
    read="04-transactions: Lost updates",
    coverage=lambda h: covered(*h.scenes),
    hints=(
        "If two customers both see one piece left, what stops each of them from taking it?",
        "An UPDATE re-checks its WHERE on the newest version of the row once the lock is free; a number your code "
        "computed from an earlier SELECT is not re-checked by anybody.",
        "Let one statement subtract and say under which condition it may; its row count tells you whether it did. "
        "Or lock the one row while you look at it.",
    ),
)
def reserve_stock(answer: Answer, bench: Bench) -> History:
    return play_all(answer, bench)


@reserve_stock.property(
    misconception="What is not committed when the call returns is rolled back by whoever gets the connection next.",
)
def takes_stock(history: History) -> Ruling:
    """Alone, a reservation takes exactly its pieces, committed, down to the last one."""
    for case in history.alone:
        if case.taken is None:
            continue
        if case.reply is None or not case.reply.ok:
            return fail(f"reserving {case.what} succeeds", f"the call {blame(case.reply)}")
        left = case.left[history.product]
        if left != STOCK - case.taken:
            return fail(
                f"{STOCK - case.taken} pieces left after reserving {case.what}",
                "the call returned with its transaction still open, so the reservation was rolled back"
                if left_open(case.reply)
                else f"{left} pieces are left",
            )
    return True


@reserve_stock.property(
    needs=["takes_stock"],
    misconception="An UPDATE that finds no row raises nothing: whether it did anything must be asked.",
)
def typed_refusal(history: History) -> Ruling:
    """What cannot be reserved is refused with an exception of the shop, and nothing is taken."""
    for case in history.alone:
        if case.taken is not None:
            continue
        if any(n != STOCK for n in case.left.values()):
            return fail(f"reserving {case.what} changes nothing", f"the stock became {case.left}")
        if not refused(case.reply):
            return fail(
                f"reserving {case.what} is refused with a typed error (OutOfStock, UnknownProduct, InvalidAmount, or "
                "your own)",
                f"the call {blame(case.reply)}",
            )
    return True


@reserve_stock.property(
    needs=["takes_stock", "typed_refusal"],
    misconception="A number that was read earlier and is written back overwrites the reservation made in between.",
)
def no_lost_update(history: History) -> Ruling:
    """Every reservation that succeeded is missing from the stock, under every interleaving."""
    for scene, quantities in history.together:
        ruling = holds(
            [scene],
            lambda run, q=quantities: miscounted(history.product, q, run),  # type: ignore[misc]
            expected=f"{STOCK} pieces less those of the calls that returned",
        )
        if ruling is not True:
            return ruling
    return True


@reserve_stock.property(
    needs=["takes_stock", "typed_refusal"],
    misconception="The stock was looked at before the other customer took it; between the look and the change nothing "
    "kept it.",
)
def never_oversold(history: History) -> Ruling:
    """The stock never goes below zero under any interleaving."""
    return holds(
        [*(scene for scene, _ in history.together), history.crash],
        lambda run: oversold(history.product, run),
        expected="0 pieces or more",
        misconception=lambda run: (
            "Taken and then given back in a second transaction is committed in between: others see it, and whoever dies "
            "there leaves it so."
            if len(run.replies) == 1
            else ""
        ),
    )


@reserve_stock.property(
    needs=["takes_stock", "typed_refusal"],
    misconception="Meeting another customer is no reason to fail: an isolation level that may refuse needs somebody "
    "who tries again.",
)
def every_customer_answered(history: History) -> Ruling:
    """Each call reserves, or says that there is not enough; none fails otherwise or gives up too early."""
    ended = all_end(history.scenes)
    if ended is not True:
        return ended
    for scene, quantities in history.together:
        ruling = holds(
            [scene],
            lambda run, q=quantities: unanswered(q, run),  # type: ignore[misc]
            expected="each call returns, or is refused because the pieces are gone",
        )
        if ruling is not True:
            return ruling
    return True


@reserve_stock.property(
    needs=["no_lost_update", "every_customer_answered"],
    misconception="A lock on the whole table, or one lock for all products, makes a queue of everybody.",
)
def others_go_on(history: History) -> Ruling:
    """Customers of different products never wait for each other."""
    return holds(
        [history.unrelated],
        lambda run: next((f"{w.waiter} had to wait for {', '.join(w.holders)}" for w in run.waits), ""),
        expected="reservations of different products that do not wait for each other",
    )
