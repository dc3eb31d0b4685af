"""Where `payments` runs: the tables, the provider, a clock, and processes with the app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.checks.exercise import Rejected
from grader.checks.running import Answer, Bench, Resource, Worker
from grader.checks.tables import Tables
from grader.instruments import serve
from grader.instruments.clock import VirtualClock
from grader.instruments.explore import Exploration, Stage
from grader.instruments.faults import Sweep
from grader.instruments.provider import PaymentProvider
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
from grader.instruments.answer_clock import connect as _clock
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
    unequal: Exploration | None = None  # two requests with one key and different bodies
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

    @property
    def other_body(self) -> dict[str, int]:
        """The same order, and another amount."""
        return {**self.body, "amount": self.amount + 1}

    def begin(self, place: Place, body: Mapping[str, int] | None = None) -> PendingExchange:
        return place.client.start("POST", PATH, json=dict(body or self.body), headers=self.headers())

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
