"""`early_refresh`: a popular key is renewed before it runs out, by few and not by all at once."""

from __future__ import annotations

from grader.checks.caching.place import Place
from grader.checks.caching.renewing import (
    CROWD,
    CYCLES,
    DRIVER,
    GAP,
    LEFT,
    LONG,
    TAKES,
    TTL,
    YOUNG_GAP,
    History,
    gather,
    heed,
)
from grader.checks.caching.unit import lab
from grader.checks.caching.values import says, told
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench, Reply
from grader.verdict import Evidence

MOST = 12  # computations in CYCLES lifetimes of steady load
# Even if callers throw with twice the odds of the paper, 23 of 30 would renew once in a hundred thousand times.
MOST_AT_ONCE = 22


@lab.exercise(
    "early_refresh",
    points=3,
    read="11-caching: Early refresh",
    coverage=lambda h: (
        f"a steady load over {CYCLES} lifetimes, {len(h.crowds)} crowds of {CROWD}" if h.crowds else ""
    ),
    hints=(
        "Thousands ask for one key. Who should renew it, and when, so that nobody ever finds it gone, and not all of "
        "them renew it?",
        "If each caller throws a die, more likely to renew the nearer the end and the longer it takes, somebody is "
        "nearly always early, and few are. Or one of them takes a claim, and the others go on with what there is.",
        "Keep beside the value how long it took and when it runs out; renew when now minus that time, times the "
        "logarithm of a random number, lies beyond the end (Vattani and others, 2015).",
    ),
)
def early_refresh(answer: Answer, bench: Bench) -> History:
    history = History()
    with Place(answer, bench) as place:
        worker = place.worker(driver=DRIVER)
        redis, url = place.redis(), place.proxy.url("compute")
        place.cache.set("the-source-of-truth", "first")

        def once(key: str = "k", ttl: float = TTL) -> Reply:
            reply: Reply = worker.call("__once__", redis, url, key, TAKES, int(ttl))
            return reply

        history.first, history.again = once(), once()
        history.computed = len(worker.call("__times__").value[0])
        history.left = {k: t for k, t in place.keys().items() if k != "the-source-of-truth"}
        place.cache.set("the-source-of-truth", "second")
        place.clock.advance(10 * TTL)
        history.idle = once()
        heed(history, place, once)
        if works.rule(history) is not True:
            return history
        steady = place.worker(driver=DRIVER)
        started = place.clock.monotonic()
        history.load = steady.call(
            "__load__", redis, url, "busy", CYCLES * TTL, YOUNG_GAP, GAP, TAKES, timeout=120.0
        )
        times = steady.call("__times__").value
        if isinstance(times, list) and len(times) == 2:
            history.began, history.ended = times
        history.lasted = place.clock.monotonic() - started
    with Place(answer, bench, sleeping="hold") as place:
        crowd = place.worker(driver=DRIVER)
        for left in LEFT:
            gather(history, place, crowd, left)
    return history


@early_refresh.property(
    weight=0, misconception="It is a cache first: found while it lives, computed when it is not there."
)
def works(history: History) -> Ruling:
    """The value is computed once, found afterwards, and computed anew when nobody asked for long."""
    for reply in (history.first, history.again):
        if reply is None or not reply.ok or not says(reply.value, "first"):
            return fail("the value that compute() returns", f"the call {told(reply)}")
    if history.computed != 1:
        return fail("1 computation for two calls, one right after the other", f"{history.computed}")
    if for_ever := [k for k, t in history.left.items() if t is None]:
        return fail("every key has an expiry", f"{for_ever[0]} stays for ever")
    if history.idle is None or not history.idle.ok or not says(history.idle.value, "second"):
        return fail("a value of now, ten lifetimes later", f"the call {told(history.idle)}")
    return heeds(history)


def heeds(history: History) -> Ruling:
    for words, value, reply in history.heeded:
        if not reply.ok or not says(reply.value, value):
            return fail(f"{words}: {value!r}", f"the call {told(reply)}")
    if history.lasts < LONG / 2:
        return fail(f"with ttl={LONG:.0f} an entry stays for as long", f"{history.lasts:.0f} seconds")
    return True


@early_refresh.property(
    needs=["works"],
    misconception="Whoever renews only what is gone lets all who come meanwhile wait.",
)
def never_runs_out(history: History) -> Ruling:
    """Under steady load the entry is renewed before its lifetime is over, every time."""
    if history.load is None or not history.load.ok or not history.began:
        return fail("every call of a steady load is answered", f"the call {told(history.load)}")
    for done, begun in zip(history.ended, history.began[1:], strict=False):
        if begun - done >= TTL:
            return fail(
                f"renewed within {TTL:.0f} seconds of the last time",
                f"nobody did for {begun - done:.2f} seconds: it had run out, and a caller waited for it",
                evidence=[seconds(history)],
            )
    if len(history.began) < CYCLES:
        return (
            unknown("Too few lifetimes were seen.")
            if history.lasted < 2 * TTL
            else fail(
                f"renewed within {TTL:.0f} seconds of the last time",
                f"{len(history.began)} computations in {history.lasted:.0f} seconds",
            )
        )
    return True


@early_refresh.property(
    needs=["never_runs_out"],
    misconception="Renewing long before the end, or at every call, is what the cache was there to spare.",
)
def renewals_are_few(history: History) -> Ruling:
    """Over forty seconds of steady load a value that lives for ten is computed at most twelve times."""
    return len(history.began) <= MOST or fail(
        f"at most {MOST} computations in {history.lasted:.0f} seconds",
        f"{len(history.began)}",
        evidence=[seconds(history)],
    )


@early_refresh.property(
    needs=["never_runs_out"],
    misconception="A limit at which everybody renews is the stampede again, only earlier.",
)
def crowd_does_not_renew(history: History) -> Ruling:
    """Of thirty who ask in the same moment, a second or two before the end, at most three quarters renew."""
    if history.crowd_trouble:
        return fail("everybody in a crowd is answered", history.crowd_trouble)
    for left, computed in history.crowds:
        if computed > MOST_AT_ONCE:
            return fail(
                f"at most {MOST_AT_ONCE} of {CROWD} compute, {left:g} seconds before the end",
                f"{computed} did",
                evidence=[
                    Evidence(
                        "counts", "Computations", {f"by {CROWD}, {a:g} s left": n for a, n in history.crowds}
                    )
                ],
            )
    return True


@early_refresh.property(
    needs=["never_runs_out"],
    misconception="A claim that its owner gives back stays when the owner is killed, and while it stands nobody renews: "
    "at every end of a lifetime all of them compute.",
)
def claims_run_out(history: History) -> Ruling:
    """A process that is killed while it renews keeps the others from renewing for one lifetime at most."""
    for key, left in history.claims.items():
        if left is None or left > TTL:
            return fail(
                f"what is in Redis while somebody renews is gone {TTL:.0f} seconds later, also if nobody removes it",
                f"{key} has no expiry" if left is None else f"{key} stays for another {left:,.0f} seconds",
            )
    return True  # whoever claims nothing leaves nothing behind


def seconds(history: History) -> Evidence:
    start = history.began[0] if history.began else 0.0
    rows = [[n, round(t - start, 2)] for n, t in enumerate(history.began[:40], 1)]
    return Evidence(
        "table", "Computations under steady load", {"columns": ["number", "second"], "rows": rows}
    )
