"""Where `place_order` and its relay run: the tables, the broker, and a process that is called."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from grader.checks.concurrency import Scene, blame
from grader.checks.holdings import tables
from grader.checks.idempotency.deliveries import DRIVER, PATIENCE
from grader.checks.running import Answer, Database, Reply, Resource, Worker
from grader.checks.tables import Tables
from grader.instruments.broker import Broker, Message
from grader.instruments.explore import SavedRows
from grader.instruments.faults import Sweep
from grader.verdict import Evidence

SCHEMA = """
CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL,
    total       int NOT NULL CHECK (total > 0)
);
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic        text NOT NULL,
    key          text NOT NULL,
    value        jsonb NOT NULL,
    published_at timestamptz
);
"""
# The events of one case are numbered from 8 to 12: numbers sorted as text come in another order.
NUMBERS = """
perform pg_catalog.setval(c.oid::regclass, 7) from pg_catalog.pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relname = 'outbox_id_seq' and c.relkind = 'S'
"""
CALLING = (
    DRIVER
    + """
from grader.instruments.broker import BrokerClient as _BrokerClient
_clients = {}
def __relay__(conn, path):
    if path not in _clients:
        _clients[path] = _BrokerClient(path)
    relay(conn, _clients[path])
def __place_all__(conn, orders):
    for order in orders:
        __deliver__("place_order", conn, order)
def __place_and_relay__(conn, path, order):
    place_order(conn, order)
    conn.rollback()
    __relay__(conn, path)
"""
)
# What is stored stays as it is, also for whoever looks at xmin: only the places of the rows are others.
TURN = """
set local lock_timeout = '5s';
create index turned on public.outbox (id desc);
cluster public.outbox using turned;
drop index public.turned;
"""
TOPIC = "orders"
CALLS = 4  # calls of the relay after which everything must be out
SOME = 20  # schedules of a scene
BACKLOG = 101  # orders that wait: more than somebody who takes a hundred at a time takes
AWAY = 8  # runs of the relay during which the broker takes nothing
Order = Mapping[str, int]


@dataclass
class Case:
    """What was called one after the other, and what was published and stored in the end."""

    what: str
    calls: list[tuple[str, Reply]] = field(default_factory=list)
    published: list[Message] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    fresh: list[Message] = field(default_factory=list)  # published by the last call

    def shown(self) -> Evidence:
        rows = [[what, blame(reply)] for what, reply in self.calls]
        rows += [["published", text(m)] for m in self.published]
        return Evidence("table", self.what, {"columns": ["", ""], "rows": rows})


@dataclass
class History:
    placed: list[Order] = field(default_factory=list)
    cases: dict[str, Case] = field(default_factory=dict)
    placing: Scene | None = None  # placements and a relay at one moment
    relays: Scene | None = None  # two relays
    unrelated: Scene | None = None
    place_faults: Sweep | None = None
    relay_faults: Sweep | None = None
    locks_kept: int = 0  # of sessions whose calls have ended

    @property
    def scenes(self) -> list[Scene]:
        return [s for s in (self.placing, self.relays, self.unrelated) if s]


class Office:
    """Tables, broker, and a process that is called."""

    def __init__(self, answer: Answer, database: Database, tables: Tables, broker: Broker) -> None:
        self.answer, self.tables, self.broker, self.url = answer, tables, broker, database.url()
        self.database = database
        self.worker: Worker | None = None

    def reset(self) -> None:
        self.tables()
        self.broker.forget()

    def call(self, name: str, *args: Any, timeout: float = PATIENCE) -> Reply:
        if self.worker is None:
            self.worker = self.answer.spawn(driver=CALLING)
        connection = Resource("connection", self.url, id=f"conn {self.url}")
        reply = self.worker.call("__deliver__", name, connection, *args, timeout=timeout)
        if reply.ended:
            self.worker.kill()
            self.worker = None
        return reply

    def place(self, order: Order) -> Reply:
        return self.call("place_order", dict(order))

    def place_all(self, orders: Sequence[Order]) -> Reply:
        """One after the other, each over a connection as the pool gives it, in one call."""
        return self.call("__place_all__", [dict(o) for o in orders], timeout=10 * PATIENCE)

    def waiting(self, orders: Sequence[Order]) -> SavedRows:
        """Brings back the rows that there are once `orders` are placed, which is done once, and no event is out.

        The last event lies first."""
        self.reset()
        for order in orders:
            self.place(order)
        self.turn()
        return SavedRows(self.database.url("admin"), tables(self.database))

    def turn(self) -> None:
        """The rows of `outbox` lie the other way round from now on. A table made otherwise stays as it is."""
        with contextlib.suppress(psycopg.Error):
            self.tables.write(TURN)

    def locks_kept(self) -> int:
        here = "(select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())"
        held = f"from pg_catalog.pg_locks where locktype = 'advisory' and database = {here}"
        ((count,),) = self.tables.rows(f"select count(*) {held}")
        return int(count)

    def relay(self) -> Reply:
        return self.call("__relay__", self.broker.socket())

    def relay_until_out(self) -> None:
        """As a scheduler does: again and again, also after a failure, until the event of every order is out."""
        for _ in range(CALLS):
            self.relay()
            if {number(m) for m in self.broker.published} >= {*self.orders()}:
                return

    def orders(self) -> list[int]:
        return [id for (id,) in self.tables.rows("select id from public.orders order by id")]

    def wrong(self, placed: Sequence[Order]) -> str:
        return astray(self.orders(), list(self.broker.published), placed)


def text(message: Message) -> str:
    return f"{message.topic} {message.key}: {message.value}"


def number(message: Message) -> int | None:
    value = message.value if isinstance(message.value, dict) else {}
    found = value.get("order_id")
    return found if isinstance(found, int) else None


def astray(
    orders: Sequence[int], published: Sequence[Message], placed: Sequence[Order], ordered: bool = True
) -> str:
    """What is wrong with the events of `orders`. placed: in the order in which they were placed, one after the other."""
    told = [number(m) for m in published]
    for order in placed:
        if order["id"] in orders and order["id"] not in told:
            return f"order {order['id']} exists and its event was never published"
    for id in told:
        if id not in orders:
            return f"an event was published for order {id}, which does not exist"
    first = [id for n, id in enumerate(told) if id not in told[:n]]
    for customer in {o["customer_id"] for o in placed} if ordered else ():
        wanted = [o["id"] for o in placed if o["customer_id"] == customer and o["id"] in orders]
        got = [id for id in first if id in wanted]
        if got != wanted:
            return f"customer {customer} placed {wanted}, the events came in the order {got}"
    return ""
