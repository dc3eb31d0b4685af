"""The scenes of `update_price`: calls alone, and readers and writers in every order of their steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from grader.checks.caching.values import PLAIN, amounts
from grader.checks.concurrency import CONN, Part, Scene
from grader.checks.concurrency.joined import Together
from grader.checks.running import Answer, Bench, Database, Reply
from grader.instruments.explore import Run

# No id is a price: a product that is told with its number must not look like one that costs as much. And none is a
# price in binary or with one digit less.
OLD, NEW, OTHER, REFUSED = Decimal("10.29"), Decimal("12.57"), Decimal("13.71"), Decimal("55555.00")
UNKNOWN = 987_654_321
TRIGGER = """
CREATE FUNCTION public.refuse_price() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the price % was never approved', NEW.price USING ERRCODE = '23514'; END $$;
CREATE CONSTRAINT TRIGGER approved AFTER UPDATE ON public.products DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.price = 55555) EXECUTE FUNCTION public.refuse_price();
"""
READER = (
    PLAIN
    + """
def __read__(conn, redis, product_id):
    from grader.shop.cached import read_product

    return __plain__(globals().get("get_product", read_product)(conn, redis, product_id))


def __write_and_wait__(conn, redis, product_id, price, seconds):
    import time

    value = update_price(conn, redis, product_id, price)
    time.sleep(seconds)
    return value
"""
)
ALIEN = "session:4711"
STUCK = 60.5  # seconds for which a reader may be stopped, a little more than promised


@dataclass
class Alone:
    """What an undisturbed call left. row: the price in the database; read: the numbers a reader is then told."""

    reply: Reply | None
    row: Decimal
    read: set[Decimal]
    asked_again: int = 0  # statements of that reader
    other_asked: int = 0  # statements of a reader of another, cached product
    other_row: Decimal = OLD  # the price of that one in the database
    alien: bool = True  # a key of somebody else's is still there


@dataclass
class History:
    reads: bool = False  # the reader itself shows what is in the database
    accepted: Alone | None = None
    refused: Alone | None = None
    unknown: Reply | None = None  # to a price for an id without product
    scenes: list[Scene] = field(default_factory=list)
    with_refusal: list[Scene] = field(default_factory=list)

    @property
    def all(self) -> list[Scene]:
        return [*self.scenes, *self.with_refusal]


class Shop:
    """Two products at the old price, the second with a key that begins as the first one's, and those who read and write."""

    def __init__(self, together: Together, database: Database, random: Random) -> None:
        self.together, self.database = together, database
        self.rehearsal = together.rehearsal
        self.product = random.randrange(2, 20)
        self.other = self.product * 10 + random.randrange(10)
        self.cold = together.start_over(self.rehearsal.keep({"products": f"id = {self.product}"}))

    def read(self, id: int = 0) -> Part:
        return Part("__read__", CONN, self.together.redis, id or self.product)

    def write(self, price: Decimal, id: int = 0) -> Part:
        return Part("update_price", CONN, self.together.redis, id or self.product, price)

    def write_and_wait(self, price: Decimal, seconds: float) -> Part:
        return Part("__write_and_wait__", CONN, self.together.redis, self.product, price, seconds)

    def price_of(self, id: int) -> Decimal:
        ((price,),) = self.database.query("SELECT price FROM public.products WHERE id = %s", id)
        return Decimal(price)

    def observe(self) -> dict[str, Any]:
        """The price in the row, and what a reader is told."""
        row = self.price_of(self.product)
        reply = self.rehearsal.rescue(self.read())
        return {"row": row, "read": amounts(reply.value), "ok": reply.ok}

    def warm(self) -> None:
        """A reset with the product cached."""
        self.cold()
        self.rehearsal.rescue(self.read())

    def _all_warm(self) -> None:
        self.warm()
        self.rehearsal.rescue(self.read(self.other))
        self.together.cache.set(ALIEN, "x")

    def alone(self, price: Decimal) -> Alone:
        """A write that nobody disturbs."""
        run = self.rehearsal.alone(self.write(price), reset=self._all_warm)
        found = Alone(run.replies[0] if run.finished else None, self.price_of(self.product), set())
        found.other_row = self.price_of(self.other)
        found.alien = bool(self.together.cache.exists(ALIEN))
        found.other_asked = queries_of(self._look(self.other))
        again = self._look(self.product)
        found.asked_again = queries_of(again)
        reply = again.replies[0]
        found.read = amounts(reply.value) if reply is not None else set()
        return found

    def _look(self, id: int) -> Run:
        return self.rehearsal.alone(self.read(id), reset=lambda: None)

    def play(
        self,
        title: str,
        first: Part,
        second: Part,
        reset: Callable[[], None],
        *,
        max_runs: int = 80,
        max_switches: int | None = None,
    ) -> Scene:
        """Two calls in every order of their steps."""
        return self.rehearsal.play(
            title,
            [first, second],
            reset=reset,
            observe=self.observe,
            wrong=stale,
            reduce=True,
            max_runs=max_runs,
            max_switches=max_switches,
        )


def drive(answer: Answer, bench: Bench) -> History:
    database = bench.database("shop_small")
    database.execute(TRIGGER, role="admin")
    database.execute("UPDATE public.products SET price = %s", OLD, role="admin")
    history = History()
    with Together(answer, bench, database, driver=READER) as together:
        shop = Shop(together, database, bench.random("products"))
        shop.warm()
        history.reads = OLD in shop.observe()["read"]
        history.accepted, history.refused = shop.alone(NEW), shop.alone(REFUSED)
        history.unknown = shop.rehearsal.alone(shop.write(NEW, UNKNOWN), reset=shop.cold).replies[0]
        if history.reads and history.accepted.reply and NEW in history.accepted.read:
            _meet(history, shop)
    return history


def _meet(history: History, shop: Shop) -> None:
    """Readers and writers at once."""
    read, write, play = shop.read, shop.write, shop.play
    long = "a reader that misses, and a writer after whom a minute passes"
    history.scenes = [
        play("a reader that misses, and a writer", read(), write(NEW), shop.cold),
        play("a reader that finds an entry, and a writer", read(), write(NEW), shop.warm),
        play("two writers", write(NEW), write(OTHER), shop.warm, max_runs=40),
        play(long, read(), shop.write_and_wait(NEW, STUCK), shop.cold, max_switches=2),
    ]
    history.with_refusal = [
        play("a reader, and a writer that is refused", read(), write(REFUSED), shop.warm, max_switches=2)
    ]


def queries_of(run: Run) -> int:
    """Statements of a run that asked the database for data."""
    own = [s.text for s in run.statements if not s.text.startswith(("Redis:", "clock:"))]
    ends = ("BEGIN", "COMMIT", "ROLLBACK", "SET ", "SAVEPOINT", "RELEASE")
    return sum(not text.upper().startswith(ends) for text in own)


def stale(run: Run) -> str:
    """What a reader is told after it all, if that is not what the database holds."""
    if run.state["row"] in run.state["read"]:
        return ""
    return (
        f"the row says {run.state['row']}, and whoever reads afterwards is told {prices(run.state['read'])}"
    )


def prices(read: set[Decimal]) -> str:
    """What of the numbers that a reader was told is a price, in words."""
    return ", ".join(str(n) for n in (OLD, NEW, OTHER, REFUSED) if n in read) or "no price at all"
