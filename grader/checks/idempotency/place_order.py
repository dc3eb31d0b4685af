"""`place_order` and `relay`: an order and its event stand or fall together, and the event gets out, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.checks.concurrency import (
    CONN,
    Part,
    Rehearsal,
    Scene,
    Seat,
    all_end,
    blame,
    covered,
    holds,
    simplest,
)
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.idempotency.deliveries import DRIVER, ENOUGH, NEVER, PATIENCE, PATIENT, waits
from grader.checks.idempotency.unit import lab
from grader.checks.running import Answer, Bench, Database, Reply, Resource, Worker
from grader.checks.tables import Tables
from grader.instruments.broker import Broker, Message
from grader.instruments.explore import Run
from grader.instruments.faults import Sweep, sweep
from grader.instruments.joining import join
from grader.instruments.pgsteps import PostgresSteps
from grader.instruments.steps import Journal
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
def __place_and_relay__(conn, path, order):
    place_order(conn, order)
    conn.rollback()
    __relay__(conn, path)
"""
)
TOPIC = "orders"
CALLS = 4  # calls of the relay after which everything must be out
SOME = 20  # schedules of a scene
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

    @property
    def scenes(self) -> list[Scene]:
        return [s for s in (self.placing, self.relays, self.unrelated) if s]


class Office:
    """Tables, broker, and a process that is called."""

    def __init__(self, answer: Answer, database: Database, tables: Tables, broker: Broker) -> None:
        self.answer, self.tables, self.broker, self.url = answer, tables, broker, database.url()
        self.worker: Worker | None = None

    def reset(self) -> None:
        self.tables()
        self.broker.forget()

    def call(self, name: str, *args: Any) -> Reply:
        if self.worker is None:
            self.worker = self.answer.spawn(driver=CALLING)
        connection = Resource("connection", self.url, id=f"conn {self.url}")
        reply = self.worker.call("__deliver__", name, connection, *args, timeout=PATIENCE)
        if reply.ended:
            self.worker.kill()
            self.worker = None
        return reply

    def place(self, order: Order) -> Reply:
        return self.call("place_order", dict(order))

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


@lab.exercise(
    "place_order",
    points=6,
    binds=("place_order", "relay"),
    read="10-idempotency: Outbox and inbox",
    coverage=lambda h: "; ".join(
        filter(None, [covered(*h.scenes), *(str(f) for f in (h.place_faults, h.relay_faults) if f)])
    ),
    hints=(
        "The database and the broker cannot commit together. Whichever comes first, the process may die before the other: "
        "which of the two can be made up for later, and from what?",
        "An event that is written in the order's own transaction exists exactly if the order does. Sending it is another "
        "step, which can be repeated until it is known to have worked. Duplicates are allowed, gaps are not.",
        "place_order: two inserts, one commit. relay: take what is not published, oldest first, nobody else at the same time; "
        "publish each; mark it only after the broker has confirmed; stop at the first that fails.",
    ),
)
def place_order(answer: Answer, bench: Bench) -> History:
    random = bench.random("orders")
    database = bench.database("empty")
    tables = Tables(database, SCHEMA, NUMBERS)
    folder, journal = bench.scratch(), Journal()
    low, mid, high, *rest = sorted(random.sample(range(100, 999), 5))
    ids = [mid, rest[0], low, high, rest[1]]  # of one customer 2nd, 1st, 3rd: ids say nothing about the order
    one, other = random.sample(range(10, 99), 2)
    who = (one, other, one, one, other)
    placed = [
        {"id": id, "customer_id": c, "total": random.randrange(500, 9000)}
        for id, c in zip(ids, who, strict=True)
    ]
    history = History(list(placed))
    with Broker(folder, journal=journal) as broker:
        assert isinstance(broker, Broker)
        office = Office(answer, database, tables, broker)
        if _one_by_one(office, history):
            _together(answer, bench, database, office, journal, history)
            _faults(office, database, folder, journal, history)
    return history


def _one_by_one(office: Office, history: History) -> bool:
    """False if a call never came back or nothing works."""

    def case(name: str, what: str, *steps: tuple[str, Any]) -> None:
        if any(r.ended for c in history.cases.values() for _, r in c.calls):
            return
        office.reset()
        found = history.cases[name] = Case(what)
        for step, argument in steps:
            before = len(office.broker.published)
            if step == "place":
                found.calls.append((f"place_order {argument['id']}", office.place(argument)))
            elif step == "relay":
                office.broker.script(*argument)
                found.calls.append((f"relay{' (the broker fails)' if argument else ''}", office.relay()))
            found.fresh = office.broker.published[before:]
        found.published, found.orders = list(office.broker.published), office.orders()

    places = [("place", order) for order in history.placed]
    first = places[0]
    case("place", "an order is placed, no relay yet", first)
    case("plain", "an order is placed, the relay runs", first, ("relay", ()))
    case("many", "five orders are placed, the relay runs", *places, ("relay", ()))
    case("again", "the relay runs again", *places, ("relay", ()), ("relay", ()))
    case("nothing", "the relay runs and there is nothing", ("relay", ()))
    bad = {**history.placed[0], "total": 0}
    case("refused", "an order that the table refuses", ("place", bad), ("relay", ()))
    case(
        "twice",
        "an order that is there already",
        first,
        ("place", history.placed[0]),
        ("relay", ()),
        ("relay", ()),
    )
    case("error", "the broker refuses the first message", *places[:4], ("relay", ("error",)), ("relay", ()))
    case(
        "lost",
        "the broker takes the first message, its reply is lost",
        *places[:4],
        ("relay", ("cut after",)),
        ("relay", ()),
    )
    case(
        "two errors",
        "the broker refuses two messages in one run",
        *places[:4],
        ("relay", ("error", "error")),
        ("relay", ()),
        ("relay", ()),
    )
    away = [("relay", ("error",))] * AWAY
    case("long", f"the broker is away for {AWAY} runs", *places[:2], *away, ("relay", ()), ("relay", ()))
    case("later", "more orders after the relay ran", *places[:2], ("relay", ()), *places[2:], ("relay", ()))
    plain = history.cases.get("plain")
    return (
        plain is not None
        and bool(plain.published)
        and not any(r.ended for c in history.cases.values() for _, r in c.calls)
    )


def _together(
    answer: Answer, bench: Bench, database: Database, office: Office, journal: Journal, history: History
) -> None:
    first, _, second = history.placed[:3]

    def path(seat: Seat) -> str:
        return office.broker.socket(seat.name)

    with Rehearsal(answer, bench, database, driver=CALLING, limits=PATIENT) as rehearsal:
        joined = join(rehearsal.stage, journal)
        place = [Part("place_order", CONN, dict(o)) for o in history.placed]
        relay = Part("__relay__", CONN, path)

        def play(
            title: str, parts: list[Part], before: list[Order], placed: list[Order], ordered: bool, most: int
        ) -> Scene:
            broken: list[Run] = []

            def reset() -> None:
                joined.clear()
                office.reset()
                for order in before:
                    office.place(order)

            def observe() -> dict[str, Any]:
                told = [number(m) for m in office.broker.published]
                return {
                    "wrong": astray(office.orders(), list(office.broker.published), placed, ordered),
                    "repeated": sorted({id for id in told if id is not None and told.count(id) > 1}),
                }

            def stop(run: Run) -> bool:
                if run.state["wrong"]:
                    broken.append(run)
                return len(broken) >= ENOUGH

            return rehearsal.play(
                title,
                parts,
                reset=reset,
                observe=observe,
                recover=lambda run: office.relay_until_out() if run.finished else None,
                stop=stop,
                reduce=True,
                max_runs=most,
            )

        def earlier() -> None:
            joined.clear()
            office.reset()
            office.place(second)

        history.relays = play(
            "two relays at the same moment", [relay, relay], [first, second], [first, second], True, SOME
        )
        # The second caller is sooner done than the first that began before it, and relays what it sees.
        history.placing = play(
            "an order placed while another is placed and the relay runs",
            [place[0], Part("__place_and_relay__", CONN, path, dict(second))],
            [],
            [first, second],
            False,
            SOME,
        )
        history.unrelated = rehearsal.play(
            "two customers place an order, one of them not the first",
            [place[0], place[1]],
            reset=earlier,
            max_switches=1,
            max_runs=12,
        )
        joined.end()


def _faults(office: Office, database: Database, folder: Any, journal: Journal, history: History) -> None:
    first, _, second = history.placed[:3]
    with PostgresSteps(database.url(), folder, journal=journal) as postgres:
        direct, office.url = office.url, postgres.url()

        def crash(caller: str) -> None:
            if office.worker is not None:
                office.worker.kill()

        def placing() -> str:
            with journal.shielded():
                office.reset()
            reply = office.place(first)
            postgres.settle()
            with journal.shielded():
                if reply.ok and first["id"] not in office.orders():
                    return "the call returned as if all were well, and there is no order"
                office.relay_until_out()
                return office.wrong([first])

        def relaying() -> str:
            with journal.shielded():
                office.reset()
                office.place(first)
                office.place(second)
            office.relay()
            postgres.settle()
            with journal.shielded():
                office.relay_until_out()
                return office.wrong([first, second])

        history.place_faults = sweep(placing, journal, crash=crash)
        history.relay_faults = sweep(relaying, journal, crash=crash)
        office.url = direct


@place_order.property(
    misconception="A row that is not committed when the call returns was never there; an event that nobody relays tells nobody.",
)
def order_and_event(history: History) -> Ruling:
    """A placed order is in the table, and the relay publishes its event."""
    for name in ("place", "plain", "many", "nothing"):
        case = history.cases.get(name)
        if case is None:
            return unknown(NEVER)
        for what, reply in case.calls:
            if not reply.ok:
                return fail(
                    f"{case.what}: every call returns",
                    f"{what} {blame(reply)}",
                    evidence=[case.shown()],
                )
        wanted = {"place": 1, "plain": 1, "many": 5, "nothing": 0}[name]
        if len(case.orders) != wanted:
            return fail(
                f"{case.what}: {wanted} orders in the table",
                f"there are {len(case.orders)}",
                evidence=[case.shown()],
            )
    many = history.cases["many"]
    for order in history.placed:
        message = next((m for m in many.published if number(m) == order["id"]), None)
        expected = Message(
            TOPIC,
            str(order["customer_id"]),
            {"order_id": order["id"], **{k: order[k] for k in ("customer_id", "total")}},
        )
        if message is None:
            return fail(
                f"published is {text(expected)}", "no message has this order_id", evidence=[many.shown()]
            )
        if (message.topic, message.key) != (expected.topic, expected.key) or any(
            message.value.get(k) != v for k, v in expected.value.items()
        ):
            return fail(f"published is {text(expected)}", f"it is {text(message)}", evidence=[many.shown()])
    return True


@place_order.property(
    needs=["order_and_event"],
    misconception="The event belongs to the order's transaction: sent before the commit it may tell of what never was.",
)
def no_phantom(history: History) -> Ruling:
    """An order that is refused has no event; placing publishes nothing by itself."""
    for name in ("refused", "twice"):
        case = history.cases.get(name)
        if case is None:
            return unknown(NEVER)
        wanted = 1 if name == "twice" else 0
        refused = case.calls[wanted][1]
        if name == "refused" and refused.ok:
            return fail(
                "an order with a total of 0 is refused with an exception",
                "the call returned",
                evidence=[case.shown()],
            )
        told = {str(m.value) for m in case.published}
        if len(told) != wanted or len(case.published) > 1:
            return fail(
                f"{case.what}: {wanted} events",
                f"{len(case.published)} were published",
                evidence=[case.shown()],
            )
    case = history.cases["place"]
    if case.published:
        return fail(
            "nothing is published before the relay runs",
            f"{text(case.published[0])} was",
            evidence=[case.shown()],
        )
    return True


@place_order.property(
    needs=["order_and_event"],
    misconception="What the broker has confirmed is done: it has to be remembered, or each run publishes all of it again.",
)
def published_once(history: History) -> Ruling:
    """Undisturbed, each event is published once, whenever the relay runs, also by two at a time."""
    for name in ("again", "later", "many"):
        case = history.cases.get(name)
        if case is None:
            return unknown(NEVER)
        told = [number(m) for m in case.published]
        if len(told) != len(set(told)) or len(told) != 5:
            return fail(
                f"{case.what}: five events in all", f"{len(told)} were published", evidence=[case.shown()]
            )
    if history.relays is None:
        return unknown(NEVER)
    if twice := simplest([history.relays], _repeated):
        scene, run, text = twice
        return fail(
            "two relays at the same moment, nothing fails: each event is published once",
            f"{text} (schedule {run.schedule})",
            "What one relay has read and not yet marked, another reads too: while one works on an event, the other has to "
            "wait, or to leave it.",
            [scene.exhibit(run, text)],
        )
    return True


def _repeated(run: Run) -> str:
    """What came twice although both relays returned."""
    undisturbed = run.finished and all(r is not None and r.ok for r in run.replies)
    return ", ".join(f"order {id} was published again" for id in run.state["repeated"]) if undisturbed else ""


@place_order.property(
    needs=["order_and_event"],
    misconception="The second event of a customer must wait until the first is out. Numbers of orders say nothing about when "
    "they were placed.",
)
def order_kept(history: History) -> Ruling:
    """The events of one customer are published in the order in which the orders were placed, also when the broker fails."""
    for name in ("many", "later", "error", "lost", "two errors", "long"):
        case = history.cases.get(name)
        if case is None:
            return unknown(NEVER)
        if wrong := astray(case.orders, case.published, history.placed):
            return fail(
                "the events of each customer in the order of placement, none missing",
                f"{case.what}: {wrong}",
                evidence=[case.shown()],
            )
    return True


@place_order.property(
    needs=["order_and_event"],
    misconception="Numbers are given out before the commit: an event may become visible after one with a higher number was "
    "published.",
)
def nothing_lost_meanwhile(history: History) -> Ruling:
    """Orders placed while the relay runs are published, by this run or a later one."""
    ended = all_end(history.scenes)
    if ended is not True:
        return ended
    if history.placing is None:
        return unknown(NEVER)
    return holds(
        [history.placing],
        lambda run: str(run.state["wrong"]),
        expected="every order's event published, once the relay has run again",
    )


@place_order.property(
    needs=["order_and_event", "order_kept"],
    misconception="Two relays that share the work overtake each other: one customer's events have to go through one hand at a "
    "time.",
)
def relays_do_not_overtake(history: History) -> Ruling:
    """Two relays at the same moment lose nothing and keep the order of each customer."""
    if history.relays is None:
        return unknown(NEVER)
    return holds(
        [history.relays],
        lambda run: str(run.state["wrong"]),
        expected="the events of each customer in the order of placement",
    )


@place_order.property(
    needs=["order_and_event"],
    misconception="Two systems cannot commit together: what is written in one transaction with the order survives what kills "
    "the process in between.",
)
def place_survives_faults(history: History) -> Ruling:
    """Wherever placing fails, there is an order with its event, or neither."""
    return _survives(history.place_faults, "an order and its event, or neither")


@place_order.property(
    needs=["order_and_event"],
    misconception="Marked before it was confirmed, an event is lost when the process dies in between; marked afterwards it may "
    "come twice, which is allowed.",
)
def relay_survives_faults(history: History) -> Ruling:
    """Wherever the relay fails, running it again publishes what is missing, in order."""
    return _survives(history.relay_faults, "every event published, in order, once the relay has run again")


def _survives(swept: Sweep | None, expected: str) -> Ruling:
    if swept is None:
        return unknown(NEVER)
    worst = swept.counterexample
    if worst is None:
        return True
    shown = Evidence("timeline", worst.story[:1].upper() + worst.story[1:], worst.timeline)
    return fail(expected, f"{worst.story}: {worst.broken}", evidence=[shown])


@place_order.property(
    needs=["order_and_event"],
    misconception="Customers do not know of each other; a lock for the whole outbox makes them wait in one line.",
)
def others_go_on(history: History) -> Ruling:
    """Placing orders of two customers never makes one wait for the other."""
    return waits(
        [history.unrelated],
        "orders of different customers do not wait for each other",
    )
