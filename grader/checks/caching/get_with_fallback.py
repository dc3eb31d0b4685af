"""`get_with_fallback`: a cache may fail in every way there is; the answer does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from grader.checks.caching.place import Asked, Place, asks
from grader.checks.caching.unit import lab
from grader.checks.caching.values import shows, told
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench, Reply, Resource
from grader.instruments.steps import Action

RECOVERS = 60.0  # seconds
TIMEOUT = 0.1  # seconds of the client, when Redis hangs
MOST = 20  # commands that are waited for in vain
# A client that gives up at once where a real one would after its timeout: there the judge breaks the connection.
DRIVER = """
def __impatient__(url):
    import redis as _redis, redis.connection
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    class Impatient(_redis.connection.UnixDomainSocketConnection):
        def read_response(self, *args, **kwargs):
            try:
                return super().read_response(*args, **kwargs)
            except _redis.ConnectionError:
                raise _redis.TimeoutError("Timeout reading from socket") from None

    global __client__
    __client__ = _redis.Redis.from_url(url, connection_class=Impatient, retry=Retry(NoBackoff(), 0))
"""
FAULTS: dict[Action, str] = {
    "error": "is answered with an error",
    "cut before": "never arrives, the connection breaks",
    "cut after": "takes effect, and its reply is lost",
    "garbage": "is answered with garbage",
}
FULL = "OOM command not allowed when used memory > 'maxmemory'."


@dataclass
class Call:
    """One call. struck: what happened to which step, in words."""

    reply: Reply
    asked: Asked
    struck: str = ""

    def right(self, product: tuple[str, Decimal]) -> bool:
        return self.reply.ok and shows(self.reply.value, *product)


@dataclass
class History:
    product: tuple[str, Decimal] = ("", Decimal(0))
    miss: Call | None = None
    hit: Call | None = None
    down: list[Call] = field(default_factory=list)
    hanging: list[Call] = field(default_factory=list)
    half_way: list[Call] = field(default_factory=list)
    for_ever: tuple[str, str] = ("", "")  # a key without expiry, and the fault that left it
    after: list[tuple[str, Call]] = field(
        default_factory=list
    )  # the second call once Redis is back, and after what


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
        worker = place.worker(driver=DRIVER)

        def call(struck: str = "") -> Call:
            reply, asked = place.call(worker, "get_with_fallback", place.conn(), place.redis(), id)
            return Call(reply, asked, struck)

        history.miss, history.hit = call(), call()
        if not (history.miss.right(history.product) and history.hit.right(history.product)):
            return history
        if history.hit.asked.queries:
            return history

        def recover(what: str) -> None:
            place.clock.advance(RECOVERS)
            call()
            history.after.append((what, call()))

        for warm in (False, True):
            steps = len((history.hit if warm else history.miss).asked.commands)
            for position in range(steps):
                for action, words in FAULTS.items():
                    strike(
                        history, place, worker, id, warm=warm, position=position, action=action, words=words
                    )
            place.clock.advance(RECOVERS)
        recover("single faults")
        for warm in (False, True):
            place.proxy.up()
            if not warm:
                place.cache.flushdb()
            place.proxy.down()
            history.down.append(call("Redis is down"))
        place.proxy.up()
        recover("Redis was down")
        place.cache.flushdb()
        hang(history, place, worker, id)
        recover("Redis was hanging")
    return history


def strike(
    history: History,
    place: Place,
    worker: Any,
    id: int,
    *,
    warm: bool,
    position: int,
    action: Action,
    words: str,
) -> None:
    """One fault at one command of a call."""

    def ask() -> Reply:
        reply: Reply = worker.call("__pooled__", "get_with_fallback", place.conn(), place.redis(), id)
        return reply

    if not warm:
        place.cache.flushdb()
    elif not place.cache.dbsize():
        place.clock.advance(RECOVERS)  # a breaker that was opened is closed again
        ask()
    place.proxy.error = FULL if position else "LOADING injected: the server is loading its data"
    with place.journal.changed:
        place.journal.clear()
    redis_steps = 0

    def which(step: Any) -> bool:
        nonlocal redis_steps
        if step.lane == "Redis":
            redis_steps += 1
            return redis_steps == position + 1
        return False

    place.journal.hold(which)
    pending = worker.start("__pooled__", "get_with_fallback", place.conn(), place.redis(), id)
    place.journal.wait(lambda: bool(place.journal.held()) or pending.done())
    struck = ""
    for step in place.journal.held():
        struck = f"{step.text} {words}"
        step.act(action)
    reply = pending.result()
    place.journal.hold(lambda step: False)
    steps = place.journal.steps
    if struck:
        history.half_way.append(Call(reply, asks(steps, place.journal.timeline()), struck))
    for key, left in place.keys().items():
        if left is None and not history.for_ever[0]:
            history.for_ever = (key, struck)
    place.journal.clear()


def hang(history: History, place: Place, worker: Any, id: int) -> None:
    """Redis takes commands and answers none; the client gives up on each after its timeout, of virtual time."""
    worker.call("__impatient__", place.redis().url)
    redis = Resource("name", "__client__")
    for _ in range(2):
        place.journal.clear()
        place.journal.hold(lambda step: step.lane == "Redis")
        pending = worker.start("__pooled__", "get_with_fallback", place.conn(), redis, id)
        for _ in range(MOST):
            place.journal.wait(lambda p=pending: bool(place.journal.held()) or p.done())  # type: ignore[misc]
            for step in place.journal.held():
                place.clock.advance(TIMEOUT)
                step.cut("before")
        reply = pending.result()
        asked = asks(place.journal.steps, place.journal.timeline())
        history.hanging.append(Call(reply, asked, "Redis hangs"))
        place.journal.let_go()
        if reply.ended:
            return
        place.clock.advance(RECOVERS)


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
    """While Redis takes commands and answers none, a call waits for it once at most."""
    ruling = answered(history, history.hanging)
    if ruling is not True:
        return ruling
    waits = max(len(c.asked.commands) for c in history.hanging)
    call = max(history.hanging, key=lambda c: len(c.asked.commands))
    if waits > 1:
        return fail(
            "1 command at most is waited for in vain",
            f"{waits}: {', '.join(call.asked.commands)}",
            evidence=[call.asked.exhibit("Redis does not answer")],
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
