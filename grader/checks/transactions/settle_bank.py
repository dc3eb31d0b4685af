"""Where `settle` runs: four accounts among thousands, batches of transfers, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from grader.checks.concurrency import Scene
from grader.checks.running import Bench, Reply
from grader.checks.transactions.balances import Balances

Batch = list[tuple[int, int, Decimal]]
FUNDS = Decimal(500)


@dataclass
class Alone:
    """One batch by itself. valid: whether it must be carried out."""

    what: str
    batch: Batch
    valid: bool
    reply: Reply | None
    after: Balances


@dataclass
class History:
    before: Balances
    alone: list[Alone] = field(default_factory=list)
    together: list[tuple[Scene, list[Batch]]] = field(default_factory=list)
    crash: tuple[Scene, Batch] | None = None
    scarce: Scene = field(default_factory=lambda: Scene("two batches out of one account that pays for one"))
    unrelated: Scene = field(default_factory=lambda: Scene("batches without a common account"))

    @property
    def scenes(self) -> list[Scene]:
        crash = [self.crash[0]] if self.crash else []
        return [*(s for s, _ in self.together), self.scarce, *crash, self.unrelated]


class Bank:
    """Four accounts that are paid from and to."""

    def __init__(self, bench: Bench) -> None:
        self.database = bench.database("shop_small")
        random = bench.random("accounts")
        # Of one class modulo 8: so small a set of ints has them in the order in which they were put in, which is no order
        # to lock them in, and looks like one with most other numbers.
        self.accounts = a, b, c, d = sorted(random.sample(range(random.randrange(1, 9), 101, 8), 4))
        self.where = f"id IN ({a}, {b}, {c}, {d})"
        # more accounts than fit on a page or two, so that rows are found one by one, in the order they are asked for
        self.database.execute(
            "INSERT INTO public.accounts (id, owner, balance) SELECT n, 'Others', 0 FROM pg_catalog.generate_series(1001, 6000) n",
            role="admin",
        )
        self.database.execute("ANALYZE public.accounts", role="admin")
        self.database.execute(
            f"UPDATE public.accounts SET balance = %s WHERE {self.where}", FUNDS, role="admin"
        )
        self.history = History(self.observe())

    def observe(self) -> dict[str, str]:
        rows = self.database.query(f"SELECT id, balance FROM public.accounts WHERE {self.where} ORDER BY id")
        return {str(id): str(balance) for id, balance in rows}


def settled(before: Balances, batches: list[Batch]) -> dict[str, Decimal]:
    """The balances after exactly these batches."""
    state = {id: Decimal(balance) for id, balance in before.items()}
    for source, target, amount in (move for batch in batches for move in batch):
        for id, change in ((source, -amount), (target, amount)):
            if str(id) in state:
                state[str(id)] += change
    return state
