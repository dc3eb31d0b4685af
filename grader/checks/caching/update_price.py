"""`update_price`: after a commit nobody reads the old price, whoever was reading; after a rollback nothing is lost."""

from __future__ import annotations

from grader.checks.caching.unit import lab
from grader.checks.caching.update_price_scenes import (
    ALIEN,
    NEW,
    OLD,
    OTHER,
    REFUSED,
    History,
    drive,
    prices,
    stale,
)
from grader.checks.caching.values import amounts, nothing, told
from grader.checks.concurrency import all_end, covered, holds, left_open
from grader.checks.exercise import Ruling, fail
from grader.checks.running import Answer, Bench
from grader.instruments.explore import Run


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
    return drive(answer, bench)


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
