"""`update_price`: after a commit nobody reads the old price, whoever was reading; after a rollback nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from grader.checks.caching.unit import lab
from grader.checks.caching.values import PLAIN, amounts, nothing, told
from grader.checks.concurrency import CONN, Part, Scene, all_end, covered, holds, left_open
from grader.checks.concurrency.joined import Together
from grader.checks.exercise import Ruling, fail
from grader.checks.running import Answer, Bench, Reply
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
STUCK = 40.0  # seconds for which a reader may be stopped


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


@lab.exercise(
    "update_price",
    points=6,
    read="11-caching: Invalidation races",
    coverage=lambda h: covered(*h.all),
    hints=(
        "Between which two steps of yours can a reader come and put the old price back? And what has happened to the "
        "entry when the database says no at the very end?",
        "Until the commit every reader finds the old row, so what is deleted before it is soon there again. And two "
        "writers need not reach Redis in the order of their commits.",
        "Change the row, commit, and only then remove the one entry. If you bring a reader of your own: it must notice "
        "that something was removed between its question and its answer.",
    ),
)
def update_price(answer: Answer, bench: Bench) -> History:
    database = bench.database("shop_small")
    database.execute(TRIGGER, role="admin")
    random = bench.random("products")
    product = random.randrange(2, 20)
    other = product * 10 + random.randrange(10)  # whose key begins as the product's own does
    database.execute("UPDATE public.products SET price = %s", OLD, role="admin")
    history = History()
    with Together(answer, bench, database, driver=READER) as together:
        rehearsal = together.rehearsal

        def read(id: int = product) -> Part:
            return Part("__read__", CONN, together.redis, id)

        def write(price: Decimal, id: int = product) -> Part:
            return Part("update_price", CONN, together.redis, id, price)

        def price_of(id: int) -> Decimal:
            ((price,),) = database.query("SELECT price FROM public.products WHERE id = %s", id)
            return Decimal(price)

        def observe() -> dict[str, Any]:
            row = price_of(product)
            reply = rehearsal.rescue(read())
            return {"row": row, "read": amounts(reply.value), "ok": reply.ok}

        keep = rehearsal.keep({"products": f"id = {product}"})
        cold = together.start_over(keep)

        def warm() -> None:
            cold()
            rehearsal.rescue(read())

        def alone(price: Decimal) -> Alone:
            def reset() -> None:
                warm()
                rehearsal.rescue(read(other))
                together.cache.set(ALIEN, "x")

            run = rehearsal.alone(write(price), reset=reset)
            found = Alone(run.replies[0] if run.finished else None, price_of(product), set())
            found.other_row = price_of(other)
            found.alien = bool(together.cache.exists(ALIEN))
            for id in (other, product):
                again = rehearsal.alone(read(id), reset=lambda: None)
                queries = queries_of(again)
                if id == other:
                    found.other_asked = queries
                else:
                    found.asked_again = queries
                    reply = again.replies[0]
                    found.read = amounts(reply.value) if reply is not None else set()
            return found

        warm()
        history.reads = OLD in observe()["read"]
        history.accepted, history.refused = alone(NEW), alone(REFUSED)
        history.unknown = rehearsal.alone(write(NEW, UNKNOWN), reset=cold).replies[0]
        if not history.reads or not history.accepted.reply or NEW not in history.accepted.read:
            return history

        def play(title: str, parts: list[Part], reset: Any, **more: Any) -> Scene:
            return rehearsal.play(
                title,
                parts,
                reset=reset,
                observe=observe,
                wrong=stale,
                reduce=True,
                **{"max_runs": 80, **more},
            )

        history.scenes = [
            play("a reader that misses, and a writer", [read(), write(NEW)], cold),
            play("a reader that finds an entry, and a writer", [read(), write(NEW)], warm),
            play("two writers", [write(NEW), write(OTHER)], warm, max_runs=40),
            play(
                f"a reader that misses, and a writer after whom {STUCK:.0f} seconds pass",
                [read(), Part("__write_and_wait__", CONN, together.redis, product, NEW, STUCK)],
                cold,
                max_switches=2,
            ),
        ]
        history.with_refusal = [
            play("a reader, and a writer that is refused", [read(), write(REFUSED)], warm, max_switches=2)
        ]
    return history


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


@update_price.property(
    weight=0,
    misconception="What is not committed when the call returns is rolled back by whoever gets the connection next.",
)
def writes(history: History) -> Ruling:
    """The new price is committed; a price that the database refuses is an error for the caller and changes nothing."""
    if not history.reads:
        return fail("your `get_product` returns the product with its price", "it did not")
    done, refused = history.accepted, history.refused
    assert done and refused
    if done.reply is None or not done.reply.ok:
        return fail(f"the price becomes {NEW}", f"the call {told(done.reply)}")
    if done.row != NEW:
        return fail(
            f"the price is {NEW}, committed",
            "the call returned with its transaction still open, so the price was rolled back"
            if left_open(done.reply)
            else f"the row says {done.row}",
        )
    if done.other_row != OLD:
        return fail("the price of one product changes", f"another one costs {done.other_row} as well")
    if refused.reply is None or refused.reply.error is None:
        return fail(
            "the caller hears that the price was refused",
            f"the call {told(refused.reply)}",
            "An error that is swallowed leaves the caller believing in a price that nobody pays.",
        )
    return True


@update_price.property(
    needs=["writes"],
    misconception="To the database an UPDATE that finds no row is no error: whoever wants to know asks how many it found.",
)
def unknown_is_refused(history: History) -> Ruling:
    """A price for an id without product is refused."""
    reply = history.unknown
    refused = nothing(reply) and reply is not None and reply.error is not None
    return refused or fail("UnknownProduct for an id without product", f"the call {told(reply)}")


@update_price.property(
    needs=["writes"],
    misconception="A cache does not know about the database: whoever changes the row has to tell it.",
)
def entry_follows(history: History) -> Ruling:
    """Alone: whoever reads after the call is told the new price."""
    done = history.accepted
    assert done
    return NEW in done.read or fail(f"a reader is told {NEW}", f"it is told {prices(done.read)}")


@update_price.property(
    needs=["entry_follows"],
    misconception="Deleted before the commit, the entry is filled again from the old row. Written or filled after it by "
    "whoever comes last, it holds what was read first.",
)
def no_stale_entry(history: History) -> Ruling:
    """However readers and writers interleave, nobody is told an old price once all of them are done."""
    return holds(history.scenes, stale, expected="the price of the row")


@update_price.property(
    needs=["entry_follows"],
    misconception="Whoever asks while a price changes is told the one before or the one after, and no error.",
)
def all_are_answered(history: History) -> Ruling:
    """Every concurrent call comes back: readers with a price that was or is committed, writers with their work done."""
    ended = all_end(history.all)
    if ended is not True:
        return ended

    def wrong(run: Run) -> str:
        for lane, reply in enumerate(run.replies, 1):
            mine = [s.text for s in run.of(f"T{lane}")]
            refused = reply is not None and reply.error is not None and "approved" in reply.error.message
            if not refused and (reply is None or not reply.ok):
                return f"T{lane} {told(reply)}"
            wrote = any(t.lstrip().upper().startswith(("UPDATE", "WITH")) for t in mine)
            if (
                not wrote
                and lane == 1
                and reply is not None
                and not amounts(reply.value) & {OLD, NEW, OTHER, REFUSED}
            ):
                return f"a reader was told {told(reply)}"
        return ""

    return holds(history.all, wrong, expected="a price that is or was in the row, for every reader")


@update_price.property(
    needs=["entry_follows"],
    misconception="What has been deleted or written before the commit cannot be taken back when the commit fails.",
)
def rollback_leaves_the_cache(history: History) -> Ruling:
    """When the database refuses the price, as late as at the commit, the entry is as good as before."""
    refused = history.refused
    assert refused
    if OLD not in refused.read:
        return fail(
            f"a reader is still told {OLD}",
            f"the price was refused, and a reader is told {prices(refused.read)}",
        )
    if refused.asked_again:
        return fail(
            "the entry is still there: a reader needs no statement",
            f"the price was refused, but the entry is gone: the next reader sent {refused.asked_again} to the database",
        )
    return holds(history.with_refusal, stale, expected="the price of the row")


@update_price.property(
    needs=["entry_follows"],
    misconception="Emptying the cache is always right and never cheap: everybody's next question goes to the database.",
)
def others_untouched(history: History) -> Ruling:
    """What is cached of other products, and other people's keys, stay where they are."""
    done = history.accepted
    assert done
    if not done.alien:
        return fail("keys that are not yours stay", f"{ALIEN} is gone")
    if done.other_asked:
        return fail("another product is still cached", "its next reader had to ask the database")
    return True
