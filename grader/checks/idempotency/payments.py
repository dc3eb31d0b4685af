"""`payments`: an app whose POST can be repeated: one charge and one reply for one key, whatever fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
from grader.instruments.serve import AppClient, Exchange
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
HOUR = 3600.0
TRIES = 5  # requests of a client that gets no result
LEASE = 61.0  # virtual seconds a client waits after a 409
TWO = 40  # schedules of two requests


@dataclass
class Case:
    """Requests one after the other. charges, rows: for how many orders' worth money moved and was recorded."""

    what: str
    replies: list[Exchange]
    charges: list[tuple[str, int]]
    rows: list[tuple[str, int, int, str]]

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
    amount: int = 0
    order: int = 0
    schedules: Exploration | None = None
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

    def books(self) -> tuple[list[tuple[str, int]], list[tuple[str, int, int, str]]]:
        charges = [(c.id, c.amount) for c in self.bank.charges if c.status == "succeeded"]
        rows = self.tables.rows("select client, order_id, amount, charge_id from public.ledger order by id")
        return charges, [tuple(row) for row in rows]

    def wrong(self) -> str:
        """What is wrong if exactly one payment must have been made."""
        return not_once(*self.books())

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


def not_once(charges: list[tuple[str, int]], rows: list[tuple[str, int, int, str]]) -> str:
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
        place.kill()
        plain = history.cases.get("plain")
        if history.hung or plain is None or plain.last.status != 201 or plain.last.ended:
            return history
        history.schedules = _schedules(shop)
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
        replies = [post()]
        while not replies[-1].ok and len(replies) < TRIES and not history.hung:
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
    shop.clock.advance(23 * HOUR)
    keep("day", "the same request after 23 hours", first, post())
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
    shop.clock.advance(2 * HOUR)
    keep("expired", "the same request after 25 hours", first, post())
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
        replies = until_done()
        history.trouble.append(Case(f"the provider: {WORDS[action]}", replies, *shop.books()))


WORDS = {
    "error": "503, no money taken",
    "error after": "500, although it took the money",
    "cut after": "takes the money, and its reply is lost",
    "cut before": "no reply, no money taken",
}


def _schedules(shop: Shop) -> Exploration:
    """Two requests with one key and body at the same moment, to two processes."""
    with shop.stage(callers=2) as stage:
        joined = join(stage, shop.journal)
        extra = shop.place("extra")

        def caller(lane: int) -> Caller:
            def begin(place: Place, url: str) -> Any:
                return place.client.start("POST", PATH, json=shop.body, headers=shop.headers())

            return Caller(lambda: shop.place(f"T{lane}", stage.url(lane)), begin)

        replies: list[Exchange] = []  # what repetitions after a run were answered

        def reset() -> None:
            joined.clear()
            replies.clear()
            shop.reset()

        def recover(run: Run) -> None:
            """Who was not answered 201 asks again, as clients do."""
            if not run.finished or all(r is not None and r.status == 201 for r in run.replies):
                return
            for _ in range(TRIES):
                if extra.client.request("POST", PATH, json=shop.body, headers=shop.headers()).status in (
                    200,
                    201,
                ):
                    break
                shop.clock.advance(LEASE)

        def wrong(run: Run) -> str:
            said = [*(r for r in run.replies if r is not None), *replies]
            for reply in said:
                if reply.ended or reply.status not in (201, 409):
                    return f"one of the two requests was answered {reply.line()}"
            bodies = {r.body for r in said if r.status == 201}
            if len(bodies) > 1:
                return "the two requests got different replies"
            if not any(r is not None and r.status == 201 for r in run.replies):
                return "neither of the two requests was answered with a payment"
            return shop.wrong()

        found = explore(
            stage,
            [caller(1), caller(2)],
            reset=reset,
            recover=recover,
            invariant=wrong,
            symmetric=[(1, 2)],
            reduce=True,
            max_runs=TWO,
            stop=lambda run: bool(run.problem),
            limits=PATIENT,
        )
        joined.end()
        extra.kill()
    return found


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
            case.charges[0][1] == history.amount,
            f"{history.amount} cents are charged",
            f"{case.charges[0][1]} were",
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
    for name in ("other body", "other order"):
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
    if not 400 <= case.last.status < 500 or case.charges:
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
    return True


@payments.property(
    needs=["pays"],
    misconception="A key that is remembered for ever fills the table; whoever uses it again a day later means a new payment, "
    "also for the provider.",
)
def keys_expire(history: History) -> Ruling:
    """After 24 hours a key is as new."""
    case = _case(history, "expired")
    if case is None:
        return unknown(NEVER)
    if case.last.status == 201 and len(case.charges) == 2 and len(case.rows) == 2:
        return True
    return fail(
        "a new payment: 201, a second charge, a second row",
        f"{case.last.line()}; {len(case.charges)} charges, {len(case.rows)} ledger rows",
        evidence=[case.shown()],
    )


@payments.property(
    needs=["pays"],
    misconception="A failure that is stored as the reply answers every repetition for a day; it was the moment for which the "
    "key was made.",
)
def failures_are_not_frozen(history: History) -> Ruling:
    """When the provider fails, repeating the request under the same key pays once."""
    for case in history.trouble:
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
    return explored(
        history.schedules,
        "one charge, one ledger row; both get the same reply, or one gets 409",
        "Two requests with one key",
        never=NEVER,
        unanswered=fail(
            "both requests are answered",
            "one was never answered",
            "A request that waits for another must not wait for ever.",
        ),
    )


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
