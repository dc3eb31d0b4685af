"""`reserve_stock`: the last piece is sold once, and nobody waits for buyers of something else."""

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

STOCK = 10  # pieces of each product at the start


@dataclass
class Alone:
    """One call by itself. taken: pieces that must be gone afterwards, None where it must be refused."""

    what: str
    taken: int | None
    reply: Reply | None
    left: dict[str, int]


@dataclass
class History:
    product: str
    alone: list[Alone] = field(default_factory=list)
    together: list[tuple[Scene, list[int]]] = field(default_factory=list)  # with the quantities asked for
    crash: Scene = field(default_factory=lambda: Scene("an order for too much, cut short"))
    unrelated: Scene = field(default_factory=lambda: Scene("buyers of different products"))

    @property
    def scenes(self) -> list[Scene]:
        return [*(scene for scene, _ in self.together), self.unrelated]


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
    database = bench.database("shop_small")
    product, other = bench.random("products").sample(range(1, 200), 2)
    database.execute(
        "UPDATE public.inventory SET on_hand = %s WHERE product_id = ANY (%s)",
        STOCK,
        [product, other],
        role="admin",
    )
    where = f"product_id IN ({product}, {other})"

    def observe() -> dict[str, int]:
        rows = database.query(f"SELECT product_id, on_hand FROM public.inventory WHERE {where} ORDER BY 1")
        return {str(id): on_hand for id, on_hand in rows}

    history = History(str(product))
    with Rehearsal(answer, bench, database, callers=3) as rehearsal:
        once: dict[str, Any] = {"reset": rehearsal.keep({"inventory": where}), "observe": observe}

        def part(quantity: int, which: int = product) -> Part:
            return Part("reserve_stock", CONN, which, quantity)

        for what, taken, call in (
            ("3 of 10 pieces", 3, part(3)),
            ("all 10 pieces", 10, part(10)),
            ("11 of 10 pieces", None, part(11)),
            ("a product that does not exist", None, part(1, 1_000_000)),
            ("no pieces", None, part(0)),
            ("minus 3 pieces", None, part(-3)),
        ):
            run = rehearsal.alone(call, **once)
            history.alone.append(Alone(what, taken, run.replies[0], run.state))
            if not run.finished:
                return history

        def play(title: str, quantities: list[int], **more: Any) -> None:
            scene = rehearsal.play(
                title,
                [part(q) for q in quantities],
                wrong=lambda run: (
                    miscounted(history.product, quantities, run) or oversold(history.product, run)
                ),
                **once,
                **more,
            )
            history.together.append((scene, quantities))

        play("two customers with enough for both", [3, 4])
        play("two customers with enough for one", [6, 6])
        play("three customers with enough for two", [4, 4, 4], max_runs=60)
        history.crash = rehearsal.crash("an order for too much, cut short", part(STOCK + 1), **once)
        history.unrelated = rehearsal.play(
            "buyers of different products", [part(3), part(3, other)], max_switches=1, **once
        )
    return history


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


def miscounted(product: str, quantities: list[int], run: Run) -> str:
    done = [q for q, reply in zip(quantities, run.replies, strict=True) if reply is not None and reply.ok]
    left = run.state[product]
    if left == STOCK - sum(done):
        return ""
    return f"reservations of {' and '.join(map(str, done)) or 'nothing'} succeeded, but {left} of {STOCK} pieces are left"


def oversold(product: str, run: Run) -> str:
    left = run.state[product]
    return f"the stock went below zero: {left}" if left < 0 else ""


def unanswered(quantities: list[int], run: Run) -> str:
    for number, reply in enumerate(run.replies, 1):
        if not (reply is not None and reply.ok) and not refused(reply):
            return f"T{number} {blame(reply)}"
    done = sum(q for q, reply in zip(quantities, run.replies, strict=True) if reply is not None and reply.ok)
    for number, (quantity, reply) in enumerate(zip(quantities, run.replies, strict=True), 1):
        if refused(reply) and done + quantity <= STOCK:
            return f"T{number} was refused {quantity} pieces although only {done} of {STOCK} were taken"
    return ""
