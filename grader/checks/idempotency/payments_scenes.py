"""The scenes of `payments`: requests one after the other, two at once, and one that meets a fault at each boundary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from grader.checks.exercise import NotAnswered
from grader.checks.idempotency.deliveries import PATIENT
from grader.checks.idempotency.payments_shop import (
    DAY,
    LEASE,
    MINUTE,
    PATH,
    RENEWALS,
    TRIES,
    TWO,
    Case,
    History,
    Place,
    Shop,
)
from grader.instruments.explore import Caller, Exploration, Run, Stage, explore
from grader.instruments.faults import Sweep, sweep
from grader.instruments.joining import join
from grader.instruments.pgsteps import PostgresSteps
from grader.instruments.rest import at_rest
from grader.instruments.serve import Exchange, PendingExchange


def one_by_one(shop: Shop, place: Place, history: History) -> None:
    def post(
        key: str | None = "k-1", client: str = "shop-a", body: Mapping[str, Any] | None = None
    ) -> Exchange:
        reply = place.client.request(
            "POST", PATH, json=dict(body or shop.body), headers=shop.headers(key, client)
        )
        if reply.ended == "timeout":
            history.hung = reply.trouble
        return reply

    def keep(name: str, what: str, *replies: Exchange) -> None:
        history.cases[name] = Case(what, list(replies), *shop.books())

    def until_done() -> list[Exchange]:
        replies: list[Exchange] = []
        while len(replies) < TRIES - 1 and not history.hung and not (replies and replies[-1].ok):
            shop.clock.advance(LEASE)
            replies.append(post())
        return replies

    shop.reset()
    first = post()
    if first.status == 500 and place.worker.call("__errors__", place.path).value == ["NotImplementedError"]:
        raise NotAnswered
    keep("plain", "a payment", first)
    if first.ended or first.status != 201:
        return
    keep("replay", "the same request again", first, post())
    reordered = dict(reversed(list(shop.body.items())))
    keep("spelling", "the same request, its fields in another order", first, post(body=reordered))
    shop.clock.advance(DAY - MINUTE)
    keep("day", "the same request after 23 hours and 59 minutes", first, post())
    keep(
        "other body",
        "the same key with another amount",
        first,
        post(body=shop.other_body),
    )
    keep(
        "other order",
        "the same key with another order",
        first,
        post(body={**shop.body, "order_id": shop.order + 1}),
    )
    keep("after", "and the first request again", first, post())
    shop.clock.advance(2 * MINUTE)
    again = post()
    keep("expired", "the same request after 24 hours and a minute", first, again)
    keep("renewed", "the new payment's request once more", again, post())
    shop.clock.advance(DAY + MINUTE)
    another = post(body=shop.other_body)
    keep("other later", "another amount, a day and a minute after that", again, another)
    shop.reset()
    keep("clients", "two clients use the same key", post(), post(client="shop-b"))
    shop.reset()
    keep("keys", "the same body under two keys", post("k-1"), post("k-2"))
    shop.reset()
    keep("no key", "no key", post(None))
    shop.reset()
    for action in ("error", "error after", "cut after", "cut before"):
        shop.reset()
        shop.bank.trouble = action
        replies = [post()]
        if action == "error after":
            other = post(body=shop.other_body)
            keep("other after failure", "the same key with another amount after a failure", replies[0], other)
        replies += until_done() if not replies[0].ok else []
        history.trouble.append(Case(f"the provider: {WORDS[action]}", replies, *shop.books()))
    _days_after_a_failure(shop, post, keep)


def _days_after_a_failure(shop: Shop, post: Callable[..., Exchange], keep: Callable[..., None]) -> None:
    shop.reset()
    shop.bank.trouble = "error"
    failed = post()
    shop.clock.advance(DAY + MINUTE)
    another = post(body=shop.other_body)
    keep("failed and over", "another amount, a day and a minute after a request that failed", failed, another)
    shop.reset()
    shop.bank.trouble = "error"
    failed = post()
    shop.clock.advance(10 * MINUTE)
    late = post()
    if late.status == 201 and not late.ended:
        shop.clock.advance(DAY - 9 * MINUTE)
        what = "a first request fails, is repeated and paid ten minutes later, and comes again 24 hours and a minute after the first"
        keep("late and over", what, failed, late, post())


WORDS = {
    "error": "503, no money taken",
    "error after": "500, although it took the money",
    "cut after": "takes the money, and its reply is lost",
    "cut before": "no reply, no money taken",
}


class TwoCallers:
    """The processes that are asked at one moment. Starting them takes time, so all scenes have the same two."""

    def __init__(self, shop: Shop, stage: Stage) -> None:
        self._shop, self._stage = shop, stage
        self._bodies: tuple[Mapping[str, int], ...] = (shop.body, shop.body)
        self.both = [self._caller(0), self._caller(1)]

    def ask(self, *bodies: Mapping[str, int]) -> None:
        """What the first and the second are asked from now on."""
        self._bodies = bodies

    @property
    def differ(self) -> bool:
        return self._bodies[0] != self._bodies[1]

    def _caller(self, number: int) -> Caller:
        lane = number + 1
        return Caller(
            lambda: self._shop.place(f"T{lane}", self._stage.url(lane)),
            lambda place, url: self._shop.begin(place, self._bodies[number]),
        )


def together(shop: Shop, place: Place, history: History) -> None:
    """Two requests with one key and body at the same moment, to two processes: a new key, one whose day is over, one
    whose first request does not come back from the provider."""
    with shop.stage(callers=2) as stage:
        joined = join(stage, shop.journal)
        extra = shop.place("extra")

        callers = TwoCallers(shop, stage)

        def reset() -> None:
            joined.clear()
            shop.reset()

        def expired() -> None:
            shop.reset()
            shop.pay(extra)
            shop.clock.advance(DAY + MINUTE)
            joined.clear()

        def recover(run: Run) -> None:
            """Who was not answered 201 asks again, as clients do."""
            paying = [r is not None and r.status == 201 for r in run.replies]
            if not run.finished or all(paying) or (callers.differ and any(paying)):
                return
            for _ in range(TRIES):
                if shop.pay(extra).status in (200, 201):
                    break
                shop.clock.advance(LEASE)

        def wrong(run: Run, earlier: int) -> str:
            said = [r for r in run.replies if r is not None]
            for reply in said:
                if reply.ended or reply.status not in (201, 409):
                    return f"one of the two requests was answered {reply.line()}"
            if not any(r.status == 201 for r in said):
                return "neither of the two requests was answered with a payment"
            return unlike(said) or shop.wrong(earlier)

        def confused(run: Run) -> str:
            """What is wrong where the two asked for different payments."""
            if [r.status for r in run.replies if r is not None].count(201) > 1:
                return "two different payments were answered 201 under one key"
            return shop.wrong()

        def play(
            reset: Callable[[], None],
            wrong: Callable[[Run], str],
            symmetric: Sequence[Sequence[int]] = ((1, 2),),
            **limits: Any,
        ) -> Exploration:
            return explore(
                stage,
                callers.both,
                reset=reset,
                recover=recover,
                invariant=wrong,
                symmetric=symmetric,
                reduce=True,
                stop=lambda run: bool(run.problem),
                limits=PATIENT,
                **limits,
            )

        history.schedules = play(reset, partial(wrong, earlier=0), max_runs=TWO)
        renewed = history.cases.get("renewed")
        if history.schedules.counterexample is None and renewed is not None and len(renewed.rows) == 2:
            history.renewals = play(expired, partial(wrong, earlier=1), max_runs=RENEWALS, max_switches=1)
        callers.ask(shop.body, shop.other_body)
        history.unequal = play(reset, confused, (), max_runs=RENEWALS, max_switches=1)
        joined.end()
        history.slow = _slow(shop, place, extra)
        extra.kill()


def _slow(shop: Shop, place: Place, other: Place) -> Case | None:
    """A request that is at the provider while its client gives up and repeats it. None: that did not come about."""
    shop.reset()
    shop.journal.clear()
    shop.journal.hold(lambda step: step.caller == "app")
    begun = shop.clock.time()

    def answered_or_waits(asked: PendingExchange) -> bool:
        return asked.done() or shop.waits()

    first = shop.begin(place)
    there = at_rest(shop.journal, lambda: bool(shop.journal.held("app")) or first.done(), pids=[place.pid])
    replies: list[PendingExchange] = []
    while there and not first.done() and len(replies) < TRIES - 1:
        shop.clock.advance(LEASE)
        replies.append(again := shop.begin(other))
        at_rest(shop.journal, partial(answered_or_waits, again), pids=[other.pid])
        if not again.done() or again.result().status == 201:
            break
    shop.journal.let_go()
    told = [first.result(), *(r.result() for r in replies)]
    # Who sleeps until the first has finished moves the clock, perhaps past the day of the key.
    if not replies or any(r.ended for r in told) or shop.clock.time() - begun > DAY / 2:
        return None
    return Case("the provider takes minutes; the client repeats the request meanwhile", told, *shop.books())


def paid(reply: Exchange) -> object:
    """The id of the charge a reply tells of."""
    told = reply.json()
    return told.get("charge_id") if reply.ok and isinstance(told, dict) else None


def unlike(replies: Sequence[Exchange]) -> str:
    """What is wrong with the replies to one request."""
    different = len({r.body for r in replies if r.status == 201}) > 1
    return "the two requests got different replies" if different else ""


def faults(shop: Shop) -> Sweep:
    with PostgresSteps(shop.database.url(), shop.folder, journal=shop.journal) as postgres:
        places: list[Place] = []

        def place() -> Place:
            if not places:
                places.append(shop.place("app", postgres.url(), shop.journal))
            return places[0]

        def attempt() -> str:
            with shop.journal.shielded():
                shop.reset()
            status = 0
            for number in range(TRIES):
                if number:
                    shop.clock.advance(LEASE)
                status = place().client.request("POST", PATH, json=shop.body, headers=shop.headers()).status
                if status == 201:
                    break
            postgres.settle()
            if status != 201 and shop.wrong():
                return f"the key is of no use any more: after {TRIES} requests the reply is {status or 'none'}; {shop.wrong()}"
            return shop.wrong() or (
                "" if status == 201 else f"paid, but the client is answered {status or 'nothing'}"
            )

        def crash(caller: str) -> None:
            if places:
                places.pop().worker.kill()

        swept = sweep(attempt, shop.journal, crash=crash)
        for left in places:
            left.kill()
    return swept
