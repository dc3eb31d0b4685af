"""Where `charge` runs: the orders, a provider whose replies get lost, and a process that is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from grader.checks.concurrency import Scene, blame
from grader.checks.idempotency.deliveries import DRIVER, PATIENCE
from grader.checks.running import Answer, Database, Reply, Resource, Worker
from grader.checks.tables import Tables
from grader.checks.virtual_time import CALENDAR
from grader.checks.virtual_time import DRIVER as FLOWING
from grader.instruments.faults import Sweep
from grader.instruments.provider import PaymentProvider
from grader.instruments.standin import Request, Response
from grader.instruments.steps import Action
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
DATED = CALLING + FLOWING + CALENDAR
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
    """Calls for one order, one after the other. charges: ids the provider has, keys: those they came with; row:
    (status, charge id). misconception: that of whoever fails here and nowhere before.
    """

    what: str
    replies: list[Reply]
    charges: list[str]
    row: tuple[str, str]
    amounts: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    misconception: str = ""

    @property
    def last(self) -> Reply:
        return self.replies[-1]

    def shown(self) -> Evidence:
        rows = [[f"call {n}", blame(r)] for n, r in enumerate(self.replies, 1)]
        rows += [["provider", f"{len(self.charges)} charges"]]
        rows += [["", f"{c}, key {k[:60] or 'none'}"] for c, k in zip(self.charges, self.keys, strict=False)]
        rows += [["orders", " ".join(self.row)]]
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

    def __init__(
        self, answer: Answer, database: Database, tables: Tables, bank: Bank, driver: str = CALLING
    ) -> None:
        self.answer, self.database, self.tables, self.bank = answer, database, tables, bank
        self.driver = driver
        self.url = database.url()
        self.worker: Worker | None = None

    def reset(self) -> None:
        self.tables()
        self.bank.forget()

    def call(self, order: int) -> Reply:
        if self.worker is None:
            self.worker = self.answer.spawn(driver=self.driver)
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
        row = rows[0] if rows else ("", "")
        return Case(what, replies, [c.id for c in made], row, [c.amount for c in made], [c.key for c in made])

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
