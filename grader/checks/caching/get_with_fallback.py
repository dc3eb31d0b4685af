"""`get_with_fallback`: a cache may fail in every way there is; the answer does not."""

from __future__ import annotations

from grader.checks.caching.place import Place
from grader.checks.caching.unit import lab
from grader.checks.caching.unwell import RECOVERS, TIMEOUT, Call, Customer, History, one_by_one
from grader.checks.caching.values import told
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench


@lab.exercise(
    "get_with_fallback",
    points=4,
    read="11-caching: When the cache is down",
    coverage=lambda h: (
        f"Redis down, hanging, and {len(h.half_way)} faults at every command of a hit and of a miss"
    ),
    hints=(
        "Which of your commands to Redis can raise, and where does your function go on from there? How often may one "
        "call wait for a server that does not answer?",
        "Everything that redis-py raises is a RedisError. The cache is an optimisation: an error in it is a miss, and "
        "an error in storing is nothing.",
        "Try to read; on an error remember that Redis is not well, ask the database, and only try to store if it was "
        "well. Set value and lifetime in one command, so that nothing stands half-way.",
    ),
)
def get_with_fallback(answer: Answer, bench: Bench) -> History:
    database = bench.database("shop_small")
    id = bench.random("product").randrange(1, 200)
    ((name, price),) = database.query("SELECT name, price FROM public.products WHERE id = %s", id)
    history = History((name, price))
    with Place(answer, bench, database) as place:
        customer = Customer(place, id)
        history.miss, history.hit = customer.call(), customer.call()
        if caches.rule(history) is not True:
            return history

        def recover(what: str) -> None:
            place.clock.advance(RECOVERS)
            customer.call()
            history.after.append((what, customer.call()))

        one_by_one(history, customer)
        recover("single faults")
        for warm in (False, True):
            place.proxy.up()
            if not warm:
                place.cache.flushdb()
            place.proxy.down()
            history.down.append(customer.call("Redis is down"))
        place.proxy.up()
        recover("Redis was down")
        place.cache.flushdb()
        for _ in range(2):
            history.hanging.append(customer.hung_up_on())
            if history.hanging[-1].reply.ended:
                return history
            place.clock.advance(RECOVERS)
        recover("Redis was hanging")
    return history


@get_with_fallback.property(weight=0, misconception="Without a hit there is nothing to fall back from.")
def caches(history: History) -> Ruling:
    """As long as all is well it is a cache: the right product, and no statement for the second call."""
    for call in (history.miss, history.hit):
        assert call
        if not call.right(history.product):
            return fail(f"{history.product[0]} at {history.product[1]}", f"the call {told(call.reply)}")
    assert history.hit
    return not history.hit.asked.queries or fail(
        "0 statements for the second call", f"{len(history.hit.asked.queries)}"
    )


def answered(history: History, calls: list[Call]) -> Ruling:
    for call in calls:
        exhibits = [call.asked.exhibit(call.struck)]
        if not call.right(history.product):
            return fail(
                f"{history.product[0]} at {history.product[1]}, although {call.struck}",
                f"the call {told(call.reply)}",
                evidence=exhibits,
            )
        if len(call.asked.queries) > 1:
            return fail(
                f"1 statement at most, although {call.struck}",
                f"{len(call.asked.queries)} statements",
                evidence=exhibits,
            )
    return True


@get_with_fallback.property(
    needs=["caches"],
    misconception="A cache that takes the site down with it is a second database, not a cache.",
)
def down_is_no_error(history: History) -> Ruling:
    """While Redis is down every call gets the product from the database, with one statement."""
    return answered(history, history.down)


@get_with_fallback.property(
    needs=["caches"],
    misconception="Reading is guarded and storing is not, or the other way round: every command can fail, also after "
    "it took effect.",
)
def half_way_is_no_error(history: History) -> Ruling:
    """Whichever single command to Redis fails, and however, the caller gets the product, and no key stays for ever."""
    if not history.half_way:
        return unknown("No command to Redis could be struck.")
    ruling = answered(history, history.half_way)
    if ruling is not True:
        return ruling
    key, struck = history.for_ever
    return not key or fail(
        "every key has an expiry, whatever fails",
        f"{key} stays for ever, when {struck or 'nothing fails'}",
        "Between SET and EXPIRE anything may happen: one command can do both.",
    )


@get_with_fallback.property(
    needs=["down_is_no_error"],
    misconception="Each command waits for its own timeout: two of them, or a retry, and the caller waits twice as long.",
)
def hanging_costs_one_wait(history: History) -> Ruling:
    """While Redis takes commands and answers none, a call waits for it once at most, and no other fault costs more."""
    ruling = answered(history, history.hanging)
    if ruling is not True:
        return ruling
    call = max(history.hanging, key=lambda c: len(c.in_vain))
    if len(call.in_vain) > 1:
        return fail(
            "1 command at most is waited for in vain",
            f"{len(call.in_vain)}: {', '.join(call.in_vain)}",
            evidence=[call.asked.exhibit("Redis does not answer")],
        )
    call = max((*history.hanging, *history.down, *history.half_way), key=lambda c: c.waited)
    if call.waited > TIMEOUT + 0.001:
        return fail(
            f"a caller gets the product within {TIMEOUT:g} s, one timeout, although {call.struck}",
            f"after {call.waited:.3g} s",
            "Whoever sleeps before falling back lets the caller wait for a cache: the database has the answer now.",
            [call.asked.exhibit(call.struck)],
        )
    return True


@get_with_fallback.property(
    needs=["down_is_no_error"],
    misconception="Whoever gives Redis up for good answers rightly ever after, from the database.",
)
def recovers(history: History) -> Ruling:
    """A minute after Redis is well again, calls are hits again."""
    for what, call in history.after:
        if not call.right(history.product):
            return fail(
                f"{history.product[0]} at {history.product[1]} after {what}", f"the call {told(call.reply)}"
            )
        if call.asked.queries:
            return fail(
                f"after {what}, and another minute, the second call needs no statement",
                f"{len(call.asked.queries)}; commands to Redis: {len(call.asked.commands)}",
                evidence=[call.asked.exhibit("A call after Redis came back")],
            )
    return True
