"""The scenes of `reserve_stock`: customers of one product alone, at the same moment, and cut short."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.checks.concurrency import CONN, Part, Rehearsal, Scene, blame, refused
from grader.checks.running import Answer, Bench, Reply
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


def play_all(answer: Answer, bench: Bench) -> History:
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
