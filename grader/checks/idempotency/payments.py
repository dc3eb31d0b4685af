"""`payments`: an app whose POST can be repeated: one charge and one reply for one key, whatever fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from grader.checks.concurrency import explored
from grader.checks.exercise import NotAnswered, Rejected, Ruling, fail, unknown
from grader.checks.idempotency.deliveries import PATIENT
from grader.checks.idempotency.unit import lab
from grader.checks.running import Answer, Bench, Resource, Worker
from grader.checks.tables import Tables
from grader.instruments import serve
from grader.instruments.clock import VirtualClock
from grader.instruments.explore import Caller, Exploration, Run, Stage, explore
from grader.instruments.faults import Sweep, sweep
from grader.instruments.joining import join
from grader.instruments.pgsteps import PostgresSteps
from grader.instruments.provider import PaymentProvider
from grader.instruments.rest import at_rest
from grader.instruments.serve import AppClient, Exchange, PendingExchange
from grader.instruments.steps import Action, Journal
from grader.verdict import Evidence

SCHEMA = """
CREATE TABLE ledger (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client    text NOT NULL,
    order_id  bigint NOT NULL,
    amount    int NOT NULL,
    charge_id text NOT NULL
);
CREATE TABLE idempotency_keys (
    client     text NOT NULL,
    key        text NOT NULL,
    request    text NOT NULL,
    status     int,
    reply      text,
    locked_at  timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (client, key)
);
"""
DRIVER = """
from grader.instruments import serve as _serve
from grader.instruments.clock import connect as _clock
from grader.instruments.provider import PaymentClient as _PaymentClient
def __start__(listener, url, bank, clock_path):
    globals().update(provider=_PaymentClient(bank), clock=_clock(clock_path), DATABASE_URL=url)
    return _serve.start(app, listener)
def __errors__(path):
    return [error["type"] for error in _serve.stop(path)["errors"]]
"""
PATH = "/v1/payments"
MINUTE, DAY = 60.0, 24 * 3600.0
TRIES = 5  # requests of a client that gets no result
LEASE = 61.0  # virtual seconds a client waits after a 409
TWO = 40  # schedules of two requests
RENEWALS = 12  # schedules of two requests with a key whose day is over
Charge = tuple[str, int, str]  # id, cents, reference
Row = tuple[str, int, int, str]  # of the ledger: client, order, cents, charge


@dataclass
class Case:
    """Requests one after the other. charges, rows: for how many orders' worth money moved and was recorded."""

    what: str
    replies: list[Exchange]
    charges: list[Charge]
    rows: list[Row]

    @property
    def last(self) -> Exchange:
        return self.replies[-1]

    def shown(self) -> Evidence:
        rows = [[f"request {n}", r.line()] for n, r in enumerate(self.replies, 1)]
        rows += [["provider", f"{len(self.charges)} charges"], ["ledger", f"{len(self.rows)} rows"]]
        return Evidence("table", self.what, {"columns": ["", ""], "rows": rows})


@dataclass
class History:
    cases: dict[str, Case] = field(default_factory=dict)
    trouble: list[Case] = field(default_factory=list)
    slow: Case | None = None
    amount: int = 0
    order: int = 0
    schedules: Exploration | None = None
    renewals: Exploration | None = None
    faults: Sweep | None = None
    hung: str = ""


class Place:
    """A process with the app, and its caller. What the explorer starts, calls and kills."""

    def __init__(
        self, answer: Answer, path: str, url: str, bank: str, clock: str, journal: Journal | None = None
    ) -> None:
        self.worker: Worker = answer.spawn(driver=DRIVER, environ={"DATABASE_URL": url})
        started = self.worker.call("__start__", Resource("listener", path), url, bank, clock)
        value = (
            started.value
            if started.ok
            else {"ok": False, "reason": started.error.message if started.error else "its process ended"}
        )
        if not value["ok"]:
            raise Rejected(f"The app does not start: {value['reason']}.")
        self.path = path
        self.client = AppClient(path, journal=journal, timeout=10.0)

    @property
    def pid(self) -> int:
        """Of the process, for whoever wants to know whether it sleeps."""
        return self.worker.pid

    def kill(self) -> None:
        self.worker.kill()
        self.client.close()


class Shop:
    """Everything one check needs: the tables, the provider, the clock, and places to run the app in."""

    def __init__(self, answer: Answer, bench: Bench) -> None:
        self.answer, self.bench = answer, bench
        random = bench.random("payment")
        self.database = bench.database("empty")
        self.tables = Tables(self.database, SCHEMA)
        self.folder = bench.scratch()
        self.journal, self.clock = Journal(), VirtualClock()
        self.bank = Bank(self.folder, journal=self.journal, clock=self.clock)
        self.order, self.amount = random.randrange(100, 999), random.randrange(1000, 9000)
        self.body = {"order_id": self.order, "amount": self.amount}
        self.places = 0

    def place(self, name: str, url: str = "", journal: Journal | None = None) -> Place:
        self.places += 1
        return Place(
            self.answer,
            serve.socket_in(self.folder, f"a{self.places}"),
            url or self.database.url(),
            self.bank.socket(name),
            self.clock.serve(self.folder, f"{name}{self.places}"),
            journal,
        )

    def stage(self, callers: int) -> Stage:
        urls = self.database.url(), self.database.url("admin")
        return Stage(*urls, callers=callers, folder=str(self.bench.scratch()))

    def reset(self) -> None:
        self.tables()
        self.bank.forget()

    def books(self) -> tuple[list[Charge], list[Row]]:
        charges = [(c.id, c.amount, c.reference) for c in self.bank.charges if c.status == "succeeded"]
        rows = self.tables.rows("select client, order_id, amount, charge_id from public.ledger order by id")
        return charges, [tuple(row) for row in rows]

    def wrong(self, earlier: int = 0) -> str:
        """What is wrong if exactly one payment must have been made, after `earlier` others."""
        charges, rows = self.books()
        return not_once(charges[earlier:], rows[earlier:])

    def pay(self, place: Place) -> Exchange:
        return place.client.request("POST", PATH, json=self.body, headers=self.headers())

    def begin(self, place: Place) -> PendingExchange:
        return place.client.start("POST", PATH, json=self.body, headers=self.headers())

    def waits(self) -> bool:
        """Whether somebody waits for a lock in the database."""
        asked = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        return bool(self.tables.rows(asked))

    def headers(self, key: str | None = "k-1", client: str = "shop-a") -> dict[str, str]:
        return {"X-Client": client, **({"Idempotency-Key": key} if key is not None else {})}


class Bank(PaymentProvider):
    """A provider whose next request for money meets `trouble`."""

    trouble: Action | None = None

    def exchange(self, request: Any) -> Any:
        if self.trouble and request.method == "POST" and request.path == "/v1/charges":
            self.script(self.trouble)
            self.trouble = None
        return super().exchange(request)

    def forget(self) -> None:
        super().forget()
        self.trouble = None


def not_once(charges: list[Charge], rows: list[Row]) -> str:
    if len(charges) != 1:
        return f"the customer was charged {len(charges)} times"
    if len(rows) != 1:
        return f"the customer was charged once, and the ledger has {len(rows)} rows"
    if rows[0][3] != charges[0][0]:
        return f"the ledger names charge {rows[0][3]}, the provider {charges[0][0]}"
    return ""


@lab.exercise(
    "payments",
    points=8,
    binds=("app",),
    read="10-idempotency: Idempotency keys",
    coverage=lambda h: "; ".join(
        filter(None, [str(h.schedules.coverage) if h.schedules else "", str(h.faults or "")])
    ),
    hints=(
        "A second request comes while the first is at the provider; the first process dies there. What does the second "
        "find, what may it do, and how does it know that the first is dead and not slow?",
        "Three facts have to be durable at different moments: that a key was seen with this body, that money moved, and "
        "what was answered. The provider knows idempotency keys too.",
        "Claim the key by an insert that only one can make; compare the body; give a finished reply back as it was; refuse "
        "or wait while another works. Charge under a key derived from the claim; write ledger and reply in one transaction.",
    ),
)
def payments(answer: Answer, bench: Bench) -> History:
    shop = Shop(answer, bench)
    history = History(amount=shop.amount, order=shop.order)
    with shop.bank, shop.clock:
        place = shop.place("app")
        _one_by_one(shop, place, history)
        plain = history.cases.get("plain")
        if not history.hung and plain is not None and plain.last.status == 201 and not plain.last.ended:
            _together(shop, place, history)
            place.kill()
            history.faults = _faults(shop)
    return history


def _one_by_one(shop: Shop, place: Place, history: History) -> None:
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
        post(body={**shop.body, "amount": shop.amount + 1}),
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
    another = post(body={**shop.body, "amount": shop.amount + 1})
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
            other = post(body={**shop.body, "amount": shop.amount + 1})
            keep("other after failure", "the same key with another amount after a failure", replies[0], other)
        replies += until_done() if not replies[0].ok else []
        history.trouble.append(Case(f"the provider: {WORDS[action]}", replies, *shop.books()))


WORDS = {
    "error": "503, no money taken",
    "error after": "500, although it took the money",
    "cut after": "takes the money, and its reply is lost",
    "cut before": "no reply, no money taken",
}


def _together(shop: Shop, place: Place, history: History) -> None:
    """Two requests with one key and body at the same moment, to two processes: a new key, one whose day is over, one
    whose first request does not come back from the provider."""
    with shop.stage(callers=2) as stage:
        joined = join(stage, shop.journal)
        extra = shop.place("extra")

        def caller(lane: int) -> Caller:
            return Caller(
                lambda: shop.place(f"T{lane}", stage.url(lane)), lambda place, url: shop.begin(place)
            )

        callers = [caller(1), caller(2)]

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
            if not run.finished or all(r is not None and r.status == 201 for r in run.replies):
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

        def play(reset: Callable[[], None], earlier: int = 0, **limits: Any) -> Exploration:
            return explore(
                stage,
                callers,
                reset=reset,
                recover=recover,
                invariant=lambda run: wrong(run, earlier),
                symmetric=[(1, 2)],
                reduce=True,
                stop=lambda run: bool(run.problem),
                limits=PATIENT,
                **limits,
            )

        history.schedules = play(reset, max_runs=TWO)
        renewed = history.cases.get("renewed")
        if history.schedules.counterexample is None and renewed is not None and len(renewed.rows) == 2:
            history.renewals = play(expired, earlier=1, max_runs=RENEWALS, max_switches=1)
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


def _faults(shop: Shop) -> Sweep:
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


def _case(history: History, name: str) -> Case | None:
    return history.cases.get(name)


NEVER = "An earlier request was never answered, so this was not tried."


@payments.property(
    misconception="The status, the ledger and the provider's books all tell of the same payment."
)
def pays(history: History) -> Ruling:
    """A payment charges the customer, is in the ledger, and is answered 201 with JSON."""
    case = _case(history, "plain")
    if case is None:
        return unknown(NEVER)
    if case.last.ended or case.last.status != 201:
        return fail("201", f"{case.last.trouble or case.last.line()}", evidence=[case.shown()])
    if text := not_once(case.charges, case.rows):
        return fail("one charge, one row in the ledger with its id", text, evidence=[case.shown()])
    wanted = ("shop-a", history.order, history.amount)
    told = case.last.json()
    for holds, expected, happened in (
        (
            case.charges[0][1:] == (history.amount, f"order-{history.order}"),
            f"{history.amount} cents are charged under the reference order-{history.order}",
            f"{case.charges[0][1]} were, under {case.charges[0][2]}",
        ),
        (case.rows[0][:3] == wanted, f"the ledger has {wanted}", f"it has {case.rows[0][:3]}"),
        (
            isinstance(told, dict) and told.get("charge_id") == case.charges[0][0],
            "the reply is a JSON object with the charge_id",
            case.last.line(),
        ),
    ):
        if not holds:
            return fail(expected, happened, evidence=[case.shown()])
    return True


@payments.property(
    needs=["pays"],
    misconception="The stored reply is the reply: made anew it may differ, and so may its status.",
)
def replays(history: History) -> Ruling:
    """The same key and body get the same reply again, byte by byte, and charge nothing."""
    for name in ("replay", "spelling", "day", "after"):
        case = _case(history, name)
        if case is None:
            return unknown(NEVER)
        first, last = case.replies[0], case.last
        if (last.status, last.body) != (first.status, first.body):
            return fail(
                f"{case.what}: the first reply again, {first.line()}",
                f"it was {last.trouble or last.line()}",
                evidence=[case.shown()],
            )
        if len(case.charges) != 1 or len(case.rows) != 1:
            return fail(
                "one charge and one row in the ledger",
                f"{case.what}: {not_once(case.charges, case.rows)}",
                evidence=[case.shown()],
            )
    return True


@payments.property(
    needs=["pays"],
    misconception="A key with another body is a mistake of the client's. Neither the old reply nor a new payment is what it "
    "asked for.",
)
def other_body_refused(history: History) -> Ruling:
    """The same key with another body is answered 422 and changes nothing."""
    for name in ("other body", "other order", "other after failure"):
        case = _case(history, name)
        if case is None:
            return unknown(NEVER)
        if case.last.status != 422:
            return fail(
                f"{case.what}: 422", f"{case.last.trouble or case.last.line()}", evidence=[case.shown()]
            )
        if len(case.charges) != 1:
            return fail("nothing more is charged", f"{case.what}: {len(case.charges)} charges")
    case = _case(history, "no key")
    if case is None:
        return unknown(NEVER)
    if case.last.status not in (400, 422) or case.charges:
        return fail(
            "a payment without a key is refused: 400 or 422, no charge",
            f"{case.last.line()}, {len(case.charges)} charges",
            "A payment that cannot be repeated safely must not begin.",
        )
    return True


@payments.property(
    needs=["pays"],
    misconception="Clients choose their keys without knowing of each other: the key alone names nothing.",
)
def keys_belong_to_clients(history: History) -> Ruling:
    """Two clients may use the same key, one client may pay the same twice under two keys."""
    for name in ("clients", "keys"):
        case = _case(history, name)
        if case is None:
            return unknown(NEVER)
        if [r.status for r in case.replies] != [201, 201] or len(case.charges) != 2 or len(case.rows) != 2:
            return fail(
                f"{case.what}: two payments",
                f"answered {', '.join(str(r.status) for r in case.replies)}; {len(case.charges)} charges, {len(case.rows)} ledger rows",
                evidence=[case.shown()],
            )
        wanted = ["shop-a", "shop-b" if name == "clients" else "shop-a"]
        if [row[0] for row in case.rows] != wanted:
            return fail(
                f"{case.what}: the ledger has one row each of {' and '.join(wanted)}",
                f"it has those of {' and '.join(row[0] for row in case.rows)}",
                evidence=[case.shown()],
            )
    return True


@payments.property(
    needs=["pays"],
    misconception="A key that is remembered for ever fills the table; whoever uses it again a day later means a new payment, "
    "also for the provider.",
)
def keys_expire(history: History) -> Ruling:
    """After 24 hours a key is as new: for the same request, for its repetition, and for another one."""
    for before, name, new, expected in (
        ("after", "expired", 1, "a new payment: 201, one more charge, one more row"),
        ("expired", "renewed", 0, "the new payment again, no further charge or row"),
        ("renewed", "other later", 1, "a new payment: 201, one more charge, one more row"),
    ):
        earlier, case = _case(history, before), _case(history, name)
        if earlier is None or case is None:
            return unknown(NEVER)
        counted = len(case.charges) - len(earlier.charges), len(case.rows) - len(earlier.rows)
        told = case.last.status == 201 if new else paid(case.last) == paid(case.replies[0])
        if not told or counted != (new, new):
            return fail(
                f"{case.what}: {expected}",
                f"{case.last.line()}; {counted[0]} more charges, {counted[1]} more ledger rows",
                evidence=[case.shown()],
            )
    return True


@payments.property(
    needs=["pays"],
    misconception="A failure that is stored as the reply answers every repetition for a day; it was the moment for which the "
    "key was made.",
)
def failures_are_not_frozen(history: History) -> Ruling:
    """When the provider fails, repeating the request under the same key pays once."""
    for case in history.trouble:
        if case.replies[0].status != 201 and case.replies[0].status < 500:
            return fail(
                "a failure of the provider is answered 5xx",
                f"{case.what}: {case.replies[0].trouble or case.replies[0].line()}",
                "What the client can do nothing about is no 4xx: it would take the request for wrong and not repeat it.",
                [case.shown()],
            )
        if case.replies[0].status == 201 and not_once(case.charges, case.rows):
            return fail(
                "201 only for a payment",
                f"{case.what}: answered 201, but {not_once(case.charges, case.rows)}",
                evidence=[case.shown()],
            )
        if case.last.status != 201:
            return fail(
                f"repeated a minute later up to {TRIES} times, the request is answered 201",
                f"{case.what}: {case.last.trouble or case.last.line()}",
                evidence=[case.shown()],
            )
        if text := not_once(case.charges, case.rows):
            return fail(
                "one charge and one row in the ledger",
                f"{case.what}: {text}",
                "The provider may have taken the money before it failed: the repetition must reach it under the same key.",
                [case.shown()],
            )
    return True if history.trouble else unknown(NEVER)


@payments.property(
    needs=["pays"],
    misconception="Both requests looked for the key before either had written it: only an insert, or a lock, lets one of them "
    "through.",
)
def once_under_all_schedules(history: History) -> Ruling:
    """Two requests with one key at the same moment pay once; the second is told 409, or gets the reply of the first."""
    hung = fail(
        "both requests are answered",
        "one was never answered",
        "A request that waits for another must not wait for ever.",
    )
    expected = "one charge, one ledger row; both get the same reply, or one gets 409"
    ruling = explored(history.schedules, expected, "Two requests with one key", never=NEVER, unanswered=hung)
    if ruling is True and history.renewals is not None:
        title = "Two requests with a key whose 24 hours are over"
        expected = f"of two requests with a key whose 24 hours are over one pays anew: {expected}"
        ruling = explored(history.renewals, expected, title, never=NEVER, unanswered=hung)
    if ruling is not True:
        return ruling
    slow = history.slow
    if slow is not None and (text := not_once(slow.charges, slow.rows) or unlike(slow.replies)):
        return fail(
            "one charge, one ledger row, one reply, however long the provider takes",
            f"{slow.what}: {text}",
            "Who has waited longer than its claim lasts may not be the only one any more, and has to look before it writes.",
            [slow.shown()],
        )
    return True


@payments.property(
    needs=["pays"],
    misconception="Wherever the process dies, the next request must tell from the tables how far the last one came, or be able "
    "to do all of it again without a second effect.",
)
def once_under_all_faults(history: History) -> Ruling:
    """Whatever fails wherever, repeating the request pays once: no second charge, no lost row, no poisoned key."""
    if history.faults is None:
        return unknown(NEVER)
    worst = history.faults.counterexample
    if worst is None:
        return True
    return fail(
        "one charge, one row in the ledger and a 201 once the request has been repeated, a minute apart",
        f"{worst.story}: {worst.broken}",
        evidence=[Evidence("timeline", worst.story[:1].upper() + worst.story[1:], worst.timeline)],
    )
