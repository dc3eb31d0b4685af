"""`charge`: an order is paid once, although nobody can say what became of a request that timed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from grader.checks.concurrency import CONN, Part, Rehearsal, Scene, Seat, all_end, blame, covered, holds
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.idempotency.deliveries import DRIVER, ENOUGH, NEVER, PATIENCE, PATIENT, waits
from grader.checks.idempotency.unit import lab
from grader.checks.running import Answer, Bench, Database, Reply, Resource, Worker
from grader.checks.tables import Tables
from grader.instruments.clock import VirtualClock
from grader.instruments.explore import Run
from grader.instruments.faults import Sweep, sweep
from grader.instruments.joining import join
from grader.instruments.pgsteps import PostgresSteps
from grader.instruments.provider import PaymentProvider
from grader.instruments.standin import Request, Response
from grader.instruments.steps import Action, Journal
from grader.verdict import Evidence

SCHEMA = """
CREATE TABLE orders (
    id        bigint PRIMARY KEY,
    amount    int NOT NULL,
    status    text NOT NULL DEFAULT 'pending',
    charge_id text
);
CREATE TABLE attempts (order_id bigint PRIMARY KEY, key text NOT NULL, made_at timestamptz NOT NULL DEFAULT now());
"""
CALLING = (
    DRIVER
    + """
from grader.instruments.provider import PaymentClient as _PaymentClient
_clients = {}
def __charge__(conn, path, order_id):
    if path not in _clients:
        _clients[path] = _PaymentClient(path)
    return charge(conn, _clients[path], order_id)
def __value__(conn, path, order_id):
    value = []
    left = __deliver__("_keep", conn, path, order_id, value)
    return [left, *value]
def _keep(conn, path, order_id, value):
    value.append(str(__charge__(conn, path, order_id)))
"""
)
TWO = 40  # schedules of two calls
LAG = 60.0  # virtual seconds before a charge shows in look-ups
HOUR = 3600.0
CALLS = 4  # calls for one order before its buyer gives up
TROUBLE: dict[Action, str] = {
    "cut after": "the money is taken and the reply is lost",
    "cut before": "the request is lost",
    "error": "the provider answers 503 and takes no money",
    "error after": "the provider answers 500 although it took the money",
    "garbage": "the money is taken and the reply is garbage",
}
# The provider took the money at the first request. Timeouts take ten seconds each: look-ups show nothing all the while.
BAD_DAY: tuple[Action, ...] = ("cut after", "error after") * 3 + ("cut after",)


class Bank(PaymentProvider):
    """A provider whose next requests for money meet `trouble`, one each, and whose next look-ups meet `unseen`."""

    trouble: tuple[Action, ...] = ()
    unseen: tuple[Action, ...] = ()

    def exchange(self, request: Request) -> Response | None:
        if self.trouble and request.method == "POST" and request.path == "/v1/charges":
            self.script(self.trouble[0])
            self.trouble = self.trouble[1:]
        elif self.unseen and request.method == "GET":
            self.script(self.unseen[0])
            self.unseen = self.unseen[1:]
        return super().exchange(request)

    def forget(self) -> None:
        super().forget()
        self.trouble = self.unseen = ()


@dataclass
class Case:
    """Calls for one order, one after the other. charges: ids the provider has; row: (status, charge id)."""

    what: str
    replies: list[Reply]
    charges: list[str]
    row: tuple[str, str]
    amounts: list[int] = field(default_factory=list)

    @property
    def last(self) -> Reply:
        return self.replies[-1]

    def shown(self) -> Evidence:
        rows = [[f"call {n}", blame(r)] for n, r in enumerate(self.replies, 1)]
        rows += [["provider", f"{len(self.charges)} charges"], ["orders", " ".join(self.row)]]
        return Evidence("table", self.what, {"columns": ["", "outcome"], "rows": rows})


@dataclass
class History:
    amount: int = 0
    plain: Case | None = None
    again: Case | None = None
    much_later: Case | None = None
    missing: Case | None = None
    declined: Case | None = None
    declined_again: Case | None = None
    trouble: list[Case] = field(default_factory=list)
    late: list[Case] = field(default_factory=list)
    together: Scene | None = None
    unrelated: Scene | None = None
    faults: Sweep | None = None

    @property
    def scenes(self) -> list[Scene]:
        return [s for s in (self.together, self.unrelated) if s]


class Till:
    """The places of one check: tables, provider, clock, and a process that is called for orders."""

    def __init__(self, answer: Answer, database: Database, tables: Tables, bank: Bank) -> None:
        self.answer, self.database, self.tables, self.bank = answer, database, tables, bank
        self.url = database.url()
        self.worker: Worker | None = None

    def reset(self) -> None:
        self.tables()
        self.bank.forget()

    def call(self, order: int) -> Reply:
        if self.worker is None:
            self.worker = self.answer.spawn(driver=CALLING)
        connection = Resource("connection", self.url, id=f"conn {self.url}")
        reply = self.worker.call("__value__", connection, self.bank.socket(), order, timeout=PATIENCE)
        if reply.ended:
            self.worker.kill()
            self.worker = None
        return reply

    def until_done(
        self, order: int, between: Callable[[], None] = lambda: None, most: int = CALLS
    ) -> list[Reply]:
        replies = [self.call(order)]
        while not replies[-1].ok and len(replies) < most:
            between()
            replies.append(self.call(order))
        return replies

    def case(self, what: str, replies: list[Reply], order: int) -> Case:
        made = [c for c in self.bank.charges if c.reference == f"order-{order}"]
        rows = self.tables.rows(
            "select status, coalesce(charge_id, '') from public.orders where id = %s", order
        )
        return Case(
            what, replies, [c.id for c in made], rows[0] if rows else ("", ""), [c.amount for c in made]
        )

    def wrong(self, order: int) -> str:
        """What is wrong with an order that must have been paid."""
        return unpaid(self.case("", [], order))


def unpaid(case: Case) -> str:
    if len(case.charges) > 1:
        return f"the customer was charged {len(case.charges)} times"
    if not case.charges:
        return "the customer was never charged"
    if case.row != ("paid", case.charges[0]):
        status, charge = case.row
        return f"the customer was charged, but the order is {status} with charge id {charge or 'NULL'}"
    return ""


@lab.exercise(
    "charge",
    points=5,
    read="10-idempotency: The three outcomes of a timeout",
    coverage=lambda h: "; ".join(filter(None, [covered(*h.scenes), str(h.faults or "")])),
    hints=(
        "The request timed out. There are three things that may have happened; which of them can you tell apart by "
        "asking, and how long after?",
        "The provider refuses to do the same thing twice if it can tell that it is the same: by a key that is the same "
        "each time, in every process. It forgets keys, but never charges; and a look-up does not show what is new.",
        "Paid or declined already: say so. Otherwise ask for charges of this order, take one that is there, and charge "
        "with a key made from the order's id if there is none. Record the outcome whichever way you learnt it.",
    ),
)
def charge(answer: Answer, bench: Bench) -> History:
    random = bench.random("orders")
    database = bench.database("empty")
    order, other = random.sample(range(100, 9999), 2)
    amount = random.randrange(10_000, 90_000)  # no order's number
    tables = Tables(
        database, SCHEMA, f"insert into public.orders values ({order}, {amount}), ({other}, {amount + 100})"
    )
    journal, clock, folder = Journal(), VirtualClock(), bench.scratch()
    history = History(amount)
    with Bank(folder, journal=journal, clock=clock, lookup_lag=LAG) as bank:
        assert isinstance(bank, Bank)
        till = Till(answer, database, tables, bank)
        _one_by_one(till, clock, history, order)
        if history.plain is None or not history.plain.last.ok:
            return history
        _together(answer, bench, till, journal, history, (order, other))
        history.faults = _faults(till, journal, folder, order)
    return history


def _one_by_one(till: Till, clock: VirtualClock, history: History, order: int) -> None:
    till.reset()
    history.plain = till.case("an ordinary charge", [till.call(order)], order)
    if not history.plain.last.ok:
        return
    history.again = till.case("the order is charged again at once", [till.call(order)], order)
    clock.advance(72 * HOUR)
    history.much_later = till.case("the order is charged again after three days", [till.call(order)], order)
    till.reset()
    history.missing = till.case("an order that does not exist", [till.call(10_000_000)], 10_000_000)
    till.bank.declined.add(f"order-{order}")
    history.declined = till.case("the card is declined", [till.call(order)], order)
    till.bank.declined.clear()
    clock.advance(26 * HOUR)
    history.declined_again = till.case("the order is charged again a day later", [till.call(order)], order)
    for action, words in TROUBLE.items():
        till.reset()
        till.bank.trouble = (action,)
        history.trouble.append(till.case(f"{words}; called again at once", till.until_done(order), order))
    till.reset()
    till.bank.trouble = BAD_DAY
    calls = till.until_done(order, most=len(BAD_DAY) + 1)
    history.trouble.append(
        till.case(f"{len(BAD_DAY)} replies in a row fail; called again at once each time", calls, order)
    )
    for action in ("cut after", "error after", "error"):
        till.reset()
        till.bank.trouble = (action,)
        history.late.append(
            till.case(
                f"{TROUBLE[action]}; called again the day after the next",
                till.until_done(order, lambda: clock.advance(48 * HOUR)),
                order,
            )
        )
    till.reset()
    till.bank.trouble = ("cut after",)
    calls = [till.call(order)]
    clock.advance(48 * HOUR)
    till.bank.unseen = ("error", "cut before")
    calls += till.until_done(order)
    what = f"{TROUBLE['cut after']}; called again the day after the next, when look-ups fail twice"
    history.late.append(till.case(what, calls, order))


def _together(
    answer: Answer, bench: Bench, till: Till, journal: Journal, history: History, orders: tuple[int, int]
) -> None:
    order, other = orders
    broken: list[Run] = []

    def path(seat: Seat) -> str:
        return till.bank.socket(seat.name)

    with Rehearsal(answer, bench, till.database, driver=CALLING, limits=PATIENT) as rehearsal:
        joined = join(rehearsal.stage, journal)

        def reset() -> None:
            joined.clear()
            till.reset()

        def recover(run: Run) -> None:
            if run.finished and not all(r is not None and r.ok for r in run.replies):
                till.until_done(order)

        def observe() -> dict[str, Any]:
            case = till.case("", [], order)
            return {"charges": len(case.charges), "wrong": unpaid(case)}

        def stop(run: Run) -> bool:
            if run.state["wrong"]:
                broken.append(run)
            return len(broken) >= ENOUGH

        once: dict[str, Any] = {"reset": reset, "observe": observe}
        history.together = rehearsal.play(
            "two processes charge one order",
            [Part("__charge__", CONN, path, order)] * 2,
            recover=recover,
            stop=stop,
            reduce=True,
            max_runs=TWO,
            **once,
        )
        history.unrelated = rehearsal.play(
            "two processes charge two orders",
            [Part("__charge__", CONN, path, n) for n in (order, other)],
            max_switches=1,
            max_runs=12,
            **once,
        )
        joined.end()


def _faults(till: Till, journal: Journal, folder: Any, order: int) -> Sweep:
    with PostgresSteps(till.database.url(), folder, journal=journal) as postgres:
        till.url = postgres.url()

        def attempt() -> str:
            with journal.shielded():
                till.reset()
            for number in range(CALLS):
                if number:
                    journal.note("caller", "calls again")
                if till.call(order).ok:
                    break
            postgres.settle()
            return till.wrong(order)

        def crash(caller: str) -> None:
            if till.worker is not None:
                till.worker.kill()

        return sweep(attempt, journal, crash=crash)


@charge.property(
    misconception="The charge and its record belong together: what is not committed when the call returns never was.",
)
def charges_and_records(history: History) -> Ruling:
    """An order is charged its amount, recorded as paid, and the charge's id is returned."""
    case = history.plain
    if case is None:
        return unknown(NEVER)
    wanted = f"one charge of {history.amount} cents, the order paid with its id, the id returned"
    if not case.last.ok:
        return fail(wanted, f"the call {blame(case.last)}", evidence=[case.shown()])
    if text := unpaid(case):
        return fail(wanted, text, evidence=[case.shown()])
    if case.amounts != [history.amount]:
        return fail(wanted, f"{case.amounts[0]} cents were taken", "Amounts are in cents on both sides.")
    if case.last.value[1:] != case.charges:
        return fail(
            wanted,
            f"returned was {case.last.value[1:]}, the charge is {case.charges[0]}",
            "The record is right; the return value is part of the promise.",
        )
    return True


@charge.property(
    needs=["charges_and_records"],
    misconception="A refusal is an answer: it is final, it is recorded, and it is told from not knowing.",
)
def refusals_are_final(history: History) -> Ruling:
    """Unknown orders and declined cards are refused with a typed error, the same when asked again."""
    if history.missing is None or history.declined is None or history.declined_again is None:
        return unknown(NEVER)
    for case in (history.missing, history.declined, history.declined_again):
        refused = case.last.error is not None and (
            case.last.error.kind == "domain" or case.last.error.type in ("ValueError", "LookupError")
        )
        if not refused:
            return fail(
                f"{case.what}: a typed error (UnknownOrder, PaymentDeclined, or your own)",
                f"{case.what}: the call {blame(case.last)}",
                evidence=[case.shown()],
            )
    if history.declined.row[0] != "declined":
        return fail("an order whose card was declined is 'declined'", f"it is {history.declined.row[0]}")
    if history.declined_again.charges:
        return fail("a declined order is not charged later", "it was charged a day later")
    first, later = (c.last.error.type for c in (history.declined, history.declined_again) if c.last.error)
    if first != later:
        return fail(
            f"a declined order asked for again: {first}, as at the first time",
            f"the call {blame(history.declined_again.last)}",
            "Whoever calls again does not know of the first call, and has to hear the same.",
            [history.declined_again.shown()],
        )
    return True


@charge.property(
    needs=["charges_and_records"],
    misconception="The provider forgets keys after a day; that the order is paid stands in your own table.",
)
def paid_stays_paid(history: History) -> Ruling:
    """An order that is paid is not charged again, at once or days later."""
    for case in (history.again, history.much_later):
        if case is None:
            return unknown(NEVER)
        if len(case.charges) != 1:
            return fail("one charge for one order", f"{case.what}: {unpaid(case)}", evidence=[case.shown()])
        if not case.last.ok or case.last.value[1:] != case.charges:
            return fail(
                "the id of the charge there is, as at the first time",
                f"{case.what}: the call {blame(case.last)} {case.last.value[1:] if case.last.ok else ''}",
                evidence=[case.shown()],
            )
    return True


@charge.property(
    needs=["charges_and_records"],
    misconception="No reply does not mean no charge. A look-up made at once may not show it; only a key that is the same "
    "in every call lets the provider recognise the request.",
)
def finds_out_at_once(history: History) -> Ruling:
    """When the provider's reply fails, calling again at once ends in exactly one charge."""
    return _settled(history.trouble)


@charge.property(
    needs=["charges_and_records"],
    misconception="After a day the provider has forgotten the key, and takes the same request for a new one; its list of "
    "charges still knows.",
)
def finds_out_later(history: History) -> Ruling:
    """When the provider's reply fails, calling again days later ends in exactly one charge."""
    return _settled(history.late)


def _settled(cases: list[Case]) -> Ruling:
    for case in cases:
        if text := unpaid(case):
            return fail(
                "exactly one charge, and the order paid", f"{case.what}: {text}", evidence=[case.shown()]
            )
        if not case.last.ok:
            return fail(
                "calling again ends in a result",
                f"{case.what}: the last call {blame(case.last)}",
            )
    return True if cases else unknown(NEVER)


@charge.property(
    needs=["charges_and_records"],
    misconception="Both looked whether the order was paid before either had paid: the provider has to recognise the "
    "second request, or the second caller has to wait for the first.",
)
def one_charge_under_all_schedules(history: History) -> Ruling:
    """Two processes that charge the same order charge it once."""
    ended = all_end(history.scenes)
    if ended is not True:
        return ended
    if history.together is None:
        return unknown(NEVER)
    return holds(
        [history.together],
        lambda run: str(run.state["wrong"]),
        expected="one charge, and the order paid with it, under every interleaving",
    )


@charge.property(
    needs=["charges_and_records"],
    misconception="Between the charge and its record the process can die: the next call must meet the same key, or find "
    "the charge, and finish what was begun.",
)
def one_charge_under_all_faults(history: History) -> Ruling:
    """Whatever fails wherever, calling again ends in one charge and a paid order."""
    if history.faults is None:
        return unknown(NEVER)
    worst = history.faults.counterexample
    if worst is None:
        return True
    return fail(
        "one charge, and the order paid with it, once the call has been repeated",
        f"{worst.story}: {worst.broken}",
        evidence=[Evidence("timeline", worst.story[:1].upper() + worst.story[1:], worst.timeline)],
    )


@charge.property(
    needs=["charges_and_records", "one_charge_under_all_schedules"],
    misconception="The provider takes its time; whoever holds a lock on everything meanwhile stops the shop.",
)
def others_go_on(history: History) -> Ruling:
    """Charging one order never makes another one wait."""
    return waits(
        [history.unrelated],
        "charges of different orders do not wait for each other",
    )
