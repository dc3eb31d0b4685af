"""`get_product`: cache-aside that asks the database once, for a while, in a form it can read again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median

from grader.checks.caching.place import Asked, Place
from grader.checks.caching.unit import lab
from grader.checks.caching.values import is_product, nothing, told
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench, Reply
from grader.verdict import Evidence

DAY = 86_400.0
SPREAD = 0.05  # what is asked for
SEEN = 0.03  # as much of it as the lifetimes of FILLS entries show at least
FILLS = 24
# The names a key without a version has; an entry of the release before stands under each of them.
OLD_KEYS = (
    "product:{}", "products:{}", "product/{}", "product-{}", "product_{}", "product:{}:data", "product:{}:json",
    "shop:product:{}", "shop:products:{}", "cache:product:{}", "cache:products:{}", "get_product:{}",
    "product:id:{}", "item:{}", "p:{}", "{}",
)  # fmt: skip


@dataclass
class Call:
    """One call: which product, what it should show, what came of it."""

    what: str
    id: int
    name: str
    price: Decimal
    reply: Reply | None
    asked: Asked = field(default_factory=Asked)

    @property
    def right(self) -> bool:
        reply = self.reply
        return reply is not None and reply.ok and is_product(reply.value, self.id, self.name, self.price)


@dataclass
class History:
    misses: list[Call] = field(default_factory=list)
    hits: list[Call] = field(default_factory=list)
    absent: Reply | None = None
    left: dict[str, float | None] = field(default_factory=dict)  # every key and the seconds it has left
    lifetimes: list[float] = field(default_factory=list)  # of the products' entries, filled at one moment
    after: list[Call] = field(default_factory=list)  # when every entry had run out and prices had changed
    old: list[Call] = field(default_factory=list)  # where an entry of the release before stood in Redis
    old_in_cents: dict[str, int] = field(default_factory=dict)


@lab.exercise(
    "get_product",
    points=4,
    read="11-caching: Cache-aside",
    coverage=lambda h: (
        f"{len(h.misses)} misses, {len(h.hits)} hits by another process, {len(h.old)} old entries"
    ),
    hints=(
        "A thousand entries are written in the same second, each to live for ten minutes. What happens ten minutes "
        "later? And what does your release do with an entry that another release wrote?",
        "Redis can expire a key by itself; the lifetime may carry a random part. A version number, in the key or in "
        "the value, tells which code wrote it.",
        "Ask Redis; if what comes back is yours, decode it and be done. Otherwise one SELECT, and one SET with a "
        "lifetime of base plus jitter, under a name that carries the version of the format.",
    ),
)
def get_product(answer: Answer, bench: Bench) -> History:
    database = bench.database("shop_small")
    rows = database.query("SELECT id, name, price FROM public.products WHERE price > 2 ORDER BY id")
    chosen = bench.random("products").sample(rows, FILLS + 3)
    fresh, old = chosen[:FILLS], chosen[FILLS:]
    history = History()
    with Place(answer, bench, database) as place:
        first, second = place.worker(), place.worker()

        def call(worker: object, what: str, id: int, name: str, price: Decimal) -> Call:
            reply, asked = place.call(worker, "get_product", place.conn(), place.redis(), id)
            return Call(what, id, name, price, reply, asked)

        for id, name, price in old:
            cents = int(price * 100)
            history.old_in_cents[name] = cents
            entry = json.dumps({"id": id, "name": name, "price": cents})
            for key in OLD_KEYS:
                place.cache.set(key.format(id), entry, ex=3600)
        for row in old:
            history.old.append(call(first, f"product {row[0]}, of which an old entry is cached", *row))
        place.cache.flushdb()
        for row in fresh:
            before = place.entries()
            history.misses.append(call(first, f"product {row[0]}, not in the cache", *row))
            if not history.misses[-1].right:
                return history
            new = [
                left for entry, left in place.entries().items() if entry not in before and left is not None
            ]
            history.lifetimes += [max(new)] if new else []
        for row in fresh[:5]:
            history.hits.append(call(second, f"product {row[0]} once more, asked by another process", *row))
        history.left = place.keys()
        history.absent, _ = place.call(first, "get_product", place.conn(), place.redis(), 987_654_321)
        database.execute("UPDATE public.products SET price = price + 1")
        if history.lifetimes:
            id, name, price = fresh[5]
            for what in ("while its entry is young", "when its entry must have run out"):
                place.clock.advance(0.6 * max(history.lifetimes))
                popular = call(
                    second, f"product {id}, asked for again and again, {what}", id, name, price + 1
                )
            history.after.append(popular)
        place.clock.advance(DAY)
        for id, name, price in fresh[:3]:
            history.after.append(
                call(first, f"product {id} a day later, its price changed", id, name, price + 1)
            )
    return history


def wrong(call: Call) -> Ruling:
    exhibits = [call.asked.exhibit("What the call asked for")] if call.asked.timeline else []
    product = {"id": call.id, "name": call.name, "price": call.price}
    return fail(f"{call.what}: {product}", f"the call {told(call.reply)}", evidence=exhibits)


@get_product.property(
    weight=0,
    misconception="A cache changes how fast an answer comes, never what the answer is.",
)
def right_product(history: History) -> Ruling:
    """The product comes back with its id, name and price, from the cache as from the database; an unknown id does not."""
    for call in (*history.misses, *history.hits):
        if not call.right:
            return wrong(call)
    if not nothing(history.absent):
        return fail("for an id without product: None, or UnknownProduct", f"the call {told(history.absent)}")
    return True


ALONE = "what one process keeps for itself, every other process still asks the database for."


@get_product.property(
    needs=["right_product"],
    misconception="What is kept where it is not found again saves nobody a question.",
)
def hit_asks_nothing(history: History) -> Ruling:
    """A product that any process asked for before costs no statement at all."""
    for call in history.hits:
        if call.asked.queries:
            return fail(
                f"{call.what}: 0 statements",
                f"{len(call.asked.queries)}: {call.asked.queries[0]}",
                "" if call.asked.commands else "Redis was not even asked: " + ALONE,
                [call.asked.exhibit("The second call")],
            )
        if not call.asked.commands:
            return unknown("Nothing was asked of either server, which two processes cannot explain.")
    return True


@get_product.property(
    needs=["hit_asks_nothing"],
    misconception="Looking whether it exists, and then reading it, is asking twice.",
)
def miss_asks_once(history: History) -> Ruling:
    """A product that is not in the cache costs one statement."""
    for call in history.misses:
        if len(call.asked.queries) != 1:
            return fail(
                f"{call.what}: 1 statement",
                f"{len(call.asked.queries)}: {'; '.join(call.asked.queries)[:300] or 'none'}",
                evidence=[call.asked.exhibit("A miss")],
            )
    return True


@get_product.property(
    needs=["hit_asks_nothing"],
    misconception="An entry without an expiry stays until somebody remembers it: for ever, when an invalidation is "
    "lost.",
)
def lives_a_while(history: History) -> Ruling:
    """Every entry runs out by itself, within a day, and what is then read is what the database holds."""
    for key, left in history.left.items():
        if left is None:
            return fail("every key has an expiry", f"{key} stays for ever")
        if left > DAY:
            return fail("every key lives for a day at most", f"{key} has {left:,.0f} seconds left")
    for call in history.after:
        if not call.right and not call.asked.queries and "again and again" in call.what:
            return fail(
                f"{call.what}: the price that it has since then",
                f"the call {told(call.reply)}, and asked the database nothing",
                "Whoever renews the lifetime at each hit keeps what is popular for ever, however old it is.",
                [call.asked.exhibit(call.what)],
            )
        if not call.right:
            return wrong(call)
    return True


@get_product.property(
    needs=["hit_asks_nothing", "lives_a_while"],
    misconception="Entries that were filled together run out together, and then all of them ask the database at once.",
)
def expiry_is_spread(history: History) -> Ruling:
    """Entries filled at one moment do not run out at one moment."""
    lifetimes = sorted(history.lifetimes)
    if len(lifetimes) < FILLS // 2:
        return unknown("Too few entries with a lifetime of their own were seen.")
    width = lifetimes[-1] - lifetimes[0]
    counts = Evidence(
        "counts",
        f"Lifetimes of {len(lifetimes)} entries filled at one moment, in seconds",
        {
            "shortest": round(lifetimes[0], 1),
            "median": round(median(lifetimes), 1),
            "longest": round(lifetimes[-1], 1),
        },
    )
    fullest = (
        max(sum(1 for t in lifetimes if start <= t < start + width / 8) for start in lifetimes)
        if width
        else 0
    )
    if width < SEEN * median(lifetimes) or fullest > 0.8 * len(lifetimes):
        return fail(
            f"lifetimes spread over at least {SPREAD:.0%} of their length",
            f"{len(lifetimes)} entries live between {lifetimes[0]:,.1f} and {lifetimes[-1]:,.1f} seconds",
            evidence=[counts],
        )
    return True


@get_product.property(
    needs=["hit_asks_nothing"],
    misconception="During a deployment two releases share one cache: what the other one wrote has its own format, and "
    "may even look like yours.",
)
def old_entry_is_a_miss(history: History) -> Ruling:
    """An entry written by the release before is neither shown nor an error."""
    for call in history.old:
        if not call.right:
            cents = history.old_in_cents[call.name]
            return fail(
                f"{call.name} at {call.price}, although the release before left "
                f'{{"id": ..., "name": ..., "price": {cents}}} (in cents) in Redis',
                f"the call {told(call.reply)}",
                evidence=[call.asked.exhibit("A call that met an old entry")],
            )
    return True
