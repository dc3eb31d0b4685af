"""`find_product`: ids that do not exist are remembered too, briefly and at a price that stays bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from grader.checks.caching.contents import elements
from grader.checks.caching.place import Asked, Place
from grader.checks.caching.unit import lab
from grader.checks.caching.values import nothing, shows, told
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench, Reply
from grader.verdict import Evidence

FORGOTTEN = 300.0  # seconds after which an absence must be looked up again
OFTEN = 50.0  # seconds between questions for a product that somebody is waiting for
FOLD = 2**16 * 5**6  # two ids so far apart are one to whoever folds them into a power of two or of ten
LATE = 10  # products inserted later: a lifetime around the limit is beyond it every other time
SCAN, PAUSE = 40, 60.0  # unknown ids asked for, and the seconds between them
ALLOWED = int(FORGOTTEN / PAUSE) + 3
LARGEST = 1000  # bytes that one absence may take


@dataclass
class History:
    known: tuple[str, Decimal] = ("", Decimal(0))
    miss: Reply | None = None
    hit: Reply | None = None
    hit_asked: Asked = field(default_factory=Asked)
    twin: tuple[str, Decimal] = ("", Decimal(0))
    twin_found: Reply | None = None  # after the id that is FOLD above its own was asked for
    unknown: list[tuple[Reply, Asked]] = field(default_factory=list)  # the same id, asked by two processes
    for_ever: str = ""  # a key without expiry
    elements: int = -1  # what is left in Redis after many unknown ids
    bytes: int = 0
    inserted: tuple[str, Decimal] = ("", Decimal(0))
    awaited: Reply | None = None  # of such a product that was asked for again and again
    seen: list[Reply] = field(default_factory=list)  # of products inserted after they were asked for in vain


@lab.exercise(
    "find_product",
    points=4,
    read="11-caching: Negative caching",
    coverage=lambda h: (
        f"an unknown id asked for {len(h.unknown)} times, {SCAN} others over {SCAN * PAUSE / 60:.0f} minutes"
    ),
    hints=(
        "A robot asks for product 9999999 a thousand times a second. What does your cache know about it after the "
        "first time?",
        "That something is absent is an answer too, and can be kept like one; but it must be told from a miss, and it "
        "becomes wrong in the moment somebody inserts the row.",
        "Store a value that no product can have under the same key, with a short lifetime of its own for each id; when "
        "you find it, answer that there is nothing, without asking the database.",
    ),
)
def find_product(answer: Answer, bench: Bench) -> History:
    database = bench.database("shop_small")
    random = bench.random("ids")
    (known, *product), (twin, *other) = database.query(
        "SELECT id, name, price FROM public.products WHERE id = ANY(%s) ORDER BY id",
        random.sample(range(1, 200), 2),
    )
    absent, awaited, *drawn = random.sample(range(1_000_000, 2_000_000), SCAN + LATE + 2)
    late, others = drawn[:LATE], drawn[LATE:]
    history = History(tuple(product), twin=tuple(other))
    with Place(answer, bench, database) as place:
        one, two = place.worker(), place.worker()

        def call(worker: Any, id: int) -> tuple[Reply, Asked]:
            return place.call(worker, "find_product", place.conn(), place.redis(), id)

        history.miss, _ = call(one, known)
        history.hit, history.hit_asked = call(two, known)
        history.unknown = [call(worker, absent) for worker in (one, two, one, two)]
        if not nothing(history.unknown[0][0]):
            return history
        call(one, twin + FOLD)
        history.twin_found, _ = call(two, twin)
        for id in (awaited, *late):
            call(one, id)
        history.for_ever = next((k for k, left in place.keys().items() if left is None), "")
        database.execute(
            "INSERT INTO public.products (id, sku, name, category, brand, price) "
            "SELECT id, 'LATE-' || id, 'Late arrival', 'outdoor', 'Velo', 7.25 FROM pg_catalog.unnest(%s::bigint[]) id",
            [awaited, *late],
        )
        for _ in range(round(FORGOTTEN / OFTEN)):
            place.clock.advance(OFTEN)
            history.awaited, _ = call(one, awaited)
        history.inserted = ("Late arrival", Decimal("7.25"))
        history.seen = [call(worker, id)[0] for id in late for worker in (one, two)]
        place.cache.flushdb()
        call(one, others[0])
        first = contents(place)  # whoever keeps what there is has it all here already
        for id in others[1:]:
            place.clock.advance(PAUSE)
            call(one, id)
        place.clock.advance(PAUSE)
        history.for_ever = history.for_ever or next((k for k, t in place.keys().items() if t is None), "")
        history.elements, history.bytes = (
            now - then for now, then in zip(contents(place), first, strict=True)
        )
    return history


def contents(place: Place) -> tuple[int, int]:
    """How many things stand in Redis, members of collections counted one by one, and their bytes."""
    keys = list(place.cache.scan_iter(count=1000))
    found = sum(elements(place.cache, key) for key in keys)
    return found, sum(int(place.cache.memory_usage(key) or 0) for key in keys)


@find_product.property(
    weight=0, misconception="A marker for absence is for the cache alone: no caller may ever see it."
)
def right_product(history: History) -> Ruling:
    """A product comes back with its name and price, from the cache as from the database; an unknown id does not."""
    for reply in (history.miss, history.hit):
        if reply is None or not reply.ok or not shows(reply.value, *history.known):
            return fail(f"{history.known[0]} at {history.known[1]}", f"the call {told(reply)}")
    for reply, _ in history.unknown:
        if not nothing(reply):
            return fail("for an id without product: None, or UnknownProduct", f"the call {told(reply)}")
    if history.twin_found is not None:
        reply = history.twin_found
        if not reply.ok or not shows(reply.value, *history.twin):
            return fail(
                f"{history.twin[0]} at {history.twin[1]}, also after an id without product was asked for",
                f"the call {told(reply)}",
                "Two ids that share a place in a small memory are still two ids.",
            )
    return True


@find_product.property(
    weight=0,
    needs=["right_product"],
    misconception="A cache that only knows what is not there serves nobody.",
)
def known_from_cache(history: History) -> Ruling:
    """A product that was asked for before costs no statement, whichever process asks."""
    return not history.hit_asked.queries or fail(
        "0 statements for a product asked for before", f"{len(history.hit_asked.queries)}"
    )


@find_product.property(
    needs=["known_from_cache"],
    misconception="Only what is found gets cached, so that every question for what does not exist reaches the database.",
)
def absence_is_remembered(history: History) -> Ruling:
    """An id that does not exist costs one query, however often and by how many processes it is asked for."""
    asked = [len(asked.queries) for _, asked in history.unknown]
    return sum(asked) <= 1 or fail(
        "at most 1 query",
        f"{sum(asked)} queries for {len(asked)} calls with the same unknown id, made by two processes",
        evidence=[history.unknown[-1][1].exhibit("The last of these calls")],
    )


@find_product.property(
    needs=["absence_is_remembered"],
    misconception="There is no end of ids that do not exist: what is remembered about each must be forgotten by itself, "
    "also while others are asked for.",
)
def memory_is_bounded(history: History) -> Ruling:
    """What a robot leaves behind that tries one id after the other does not grow for ever."""
    if history.for_ever:
        return fail("every key has an expiry", f"{history.for_ever} stays for ever")
    minutes = int(SCAN * PAUSE // 60)
    counts = {
        "unknown ids asked for": SCAN,
        "more things in Redis than after the first": history.elements,
        "more bytes": history.bytes,
    }
    if history.elements > ALLOWED or history.bytes > ALLOWED * LARGEST:
        return fail(
            f"after {SCAN} unknown ids in {minutes} minutes only those of the last {FORGOTTEN / 60:.0f} minutes are left",
            f"{history.elements} things are left on top of what the first left, {history.bytes:,} bytes",
            evidence=[Evidence("counts", "A robot at work", counts)],
        )
    return True


@find_product.property(
    needs=["absence_is_remembered"],
    misconception="Absence is the one fact that any insert makes wrong, and the insert does not know who remembers it.",
)
def later_insert_is_seen(history: History) -> Ruling:
    """A product inserted after somebody asked for it in vain is found within five minutes."""
    for reply in history.seen:
        if not reply.ok or not shows(reply.value, *history.inserted):
            return fail(
                f"{history.inserted[0]} at {history.inserted[1]}, inserted {FORGOTTEN / 60:.0f} minutes ago",
                f"the call {told(reply)}",
            )
    awaited = history.awaited
    if awaited is not None and (not awaited.ok or not shows(awaited.value, *history.inserted)):
        return fail(
            f"{history.inserted[0]} at {history.inserted[1]}, inserted {FORGOTTEN / 60:.0f} minutes ago and asked for "
            f"every {OFTEN:.0f} seconds since",
            f"the call {told(awaited)}",
            "A marker that each question makes young again never runs out for what is asked for often.",
        )
    return True if history.seen else unknown("No product was inserted later.")
