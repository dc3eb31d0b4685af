"""Where `transfer` runs: four accounts of one bank, what is asked of them, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from grader.checks.concurrency import Scene
from grader.checks.running import Bench, Reply
from grader.checks.transactions.balances import Balances


@dataclass(frozen=True)
class Move:
    """One transfer that a scene asks for."""

    source: int
    target: int
    amount: Decimal


@dataclass
class Alone:
    """One call by itself. valid: whether it must move money."""

    what: str
    move: Move
    valid: bool
    reply: Reply | None
    before: Balances
    after: Balances


@dataclass
class Staged:
    """Some transfers at once."""

    scene: Scene
    moves: list[Move]


@dataclass
class History:
    before: Balances
    alone: list[Alone] = field(default_factory=list)
    together: list[Staged] = field(default_factory=list)
    crash: Staged | None = None
    unrelated: Staged | None = None

    @property
    def scenes(self) -> list[Scene]:
        last = [s.scene for s in (self.crash, self.unrelated) if s]
        return [*(s.scene for s in self.together), *last]


class Bank:
    """Four accounts, each of which holds `funds`."""

    def __init__(self, bench: Bench) -> None:
        self.database = bench.database("shop_small")
        random = bench.random("accounts")
        a, b, c, d = random.sample(range(1, 101), 4)
        # else a set, which has no order to lock in, would seem to have one
        while list({a, b}) == list({b, a}):
            a, b, c, d = random.sample(range(1, 101), 4)
        self.accounts = a, b, c, d
        self.funds = Decimal(random.randrange(100, 400))
        full = "UPDATE public.accounts SET balance = %s WHERE id = ANY (%s)"
        self.database.execute(full, self.funds, [a, b, c, d], role="admin")
        self.where = f"id IN ({a}, {b}, {c}, {d})"
        self.history = History(self.observe())

    def observe(self) -> dict[str, str]:
        rows = self.database.query(f"SELECT id, balance FROM public.accounts WHERE {self.where} ORDER BY id")
        return {str(id): str(balance) for id, balance in rows}


def moved(before: Balances, moves: list[Move]) -> dict[str, Decimal]:
    """What the balances must be after exactly these transfers."""
    state = {id: Decimal(balance) for id, balance in before.items()}
    for move in moves:
        for id, change in ((move.source, -move.amount), (move.target, move.amount)):
            if str(id) in state:
                state[str(id)] += change
    return state
