"""`place_order` and `relay`: an order and its event stand or fall together, and the event gets out, in order."""

from __future__ import annotations

from grader.checks.concurrency import (
    all_end,
    blame,
    covered,
    holds,
    simplest,
)
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.idempotency.deliveries import NEVER, waits
from grader.checks.idempotency.place_order_office import (
    BACKLOG,
    NUMBERS,
    SCHEMA,
    TOPIC,
    History,
    Office,
    astray,
    number,
    text,
)
from grader.checks.idempotency.place_order_scenes import faults, one_by_one, together
from grader.checks.idempotency.unit import lab
from grader.checks.running import Answer, Bench
from grader.checks.tables import Tables
from grader.instruments.broker import Broker, Message
from grader.instruments.explore import Run
from grader.instruments.faults import Sweep
from grader.instruments.steps import Journal
from grader.verdict import Evidence


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
        if one_by_one(office, history):
            together(answer, bench, database, office, journal, history)
            faults(office, database, folder, journal, history)
    return history


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
    misconception="What one run leaves waits for the next: behind a thousand orders that is long, and nobody is told of it.",
)
def all_out(history: History) -> Ruling:
    """Each run publishes everything that waits."""
    backlog = history.cases.get("backlog")
    if backlog is None:
        return unknown(NEVER)
    out = len({number(m) for m in backlog.published})
    return out == BACKLOG or fail(
        f"{backlog.what}: a run publishes everything that waits",
        f"{out} of {len(backlog.orders)} events are out",
    )


@place_order.property(
    needs=["order_and_event"],
    misconception="The event belongs to the order's transaction: sent before the commit it may tell of what never was.",
)
def no_phantom(history: History) -> Ruling:
    """An order that is refused has no event; placing publishes nothing by itself."""
    for name in ("refused", "twice", "taken"):
        case = history.cases.get(name)
        if case is None:
            return unknown(NEVER)
        wanted = 0 if name == "refused" else 1
        refused = case.calls[wanted][1]
        if name != "twice" and refused.ok:
            return fail(
                f"{case.what} is refused with an exception",
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
    turned = history.cases.get("turned")
    if turned is None:
        return unknown(NEVER)
    wrong = astray(turned.orders, turned.published, history.placed)
    return not wrong or fail(
        "the events of each customer in the order of placement, wherever their rows lie",
        f"{turned.what} and the relay runs: {wrong}",
        "Without ORDER BY rows come as they lie in the table: mostly, but not always, the oldest first.",
        [turned.shown()],
    )


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
    return _survives(history, history.place_faults, "an order and its event, or neither")


@place_order.property(
    needs=["order_and_event"],
    misconception="Marked before it was confirmed, an event is lost when the process dies in between; marked afterwards it may "
    "come twice, which is allowed.",
)
def relay_survives_faults(history: History) -> Ruling:
    """Wherever the relay fails, running it again publishes what is missing, in order."""
    return _survives(
        history, history.relay_faults, "every event published, in order, once the relay has run again"
    )


def _survives(history: History, swept: Sweep | None, expected: str) -> Ruling:
    if swept is None:
        return unknown(NEVER)
    worst = swept.counterexample
    if worst is None:
        return True
    if not worst.faults and history.locks_kept:
        return fail(
            "when a call has ended, also by an exception, no other waits for what it holds",
            f"the broker failed, and a lock of that call is still held: over another connection, {worst.broken}",
            "A lock of the session outlives the call and its transaction, for a pool rolls back what comes back to it and "
            "keeps the connection open. Give it back whatever happens, or take one that ends with the transaction.",
        )
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
