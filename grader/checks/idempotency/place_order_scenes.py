"""The scenes of `place_order`: calls one after the other, at one moment, and with a fault at each boundary."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from grader.checks.concurrency import (
    CONN,
    Part,
    Rehearsal,
    Scene,
    Seat,
)
from grader.checks.idempotency.deliveries import ENOUGH, PATIENT
from grader.checks.idempotency.place_order_office import (
    AWAY,
    BACKLOG,
    CALLING,
    SOME,
    Case,
    History,
    Office,
    Order,
    astray,
    number,
)
from grader.checks.running import Answer, Bench, Database
from grader.instruments.explore import Run
from grader.instruments.faults import sweep
from grader.instruments.joining import join
from grader.instruments.pgsteps import PostgresSteps
from grader.instruments.steps import Journal


def one_by_one(office: Office, history: History) -> bool:
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
            elif step == "place all":
                found.calls.append((f"place_order, {len(argument)} times", office.place_all(argument)))
            elif step == "relay":
                office.broker.script(*argument)
                found.calls.append((f"relay{' (the broker fails)' if argument else ''}", office.relay()))
            elif step == "turn":
                office.turn()
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
    case("refused", "an order with a total of 0, which the table refuses,", ("place", bad), ("relay", ()))
    case(
        "twice",
        "an order that is there already",
        first,
        ("place", history.placed[0]),
        ("relay", ()),
        ("relay", ()),
    )
    stranger = {**history.placed[1], "id": history.placed[0]["id"]}
    case(
        "taken",
        "an order of somebody else with an id that is taken",
        first,
        ("place", stranger),
        ("relay", ()),
    )
    backlog = [{"id": 1000 + n, "customer_id": n % 7 + 1, "total": 500 + n} for n in range(BACKLOG)]
    case(
        "backlog",
        f"{BACKLOG} orders are placed, the relay runs",
        ("place all", backlog),
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
    case(
        "turned",
        "the rows of outbox lie in another order, as after CLUSTER or where room was free again,",
        *places[:4],
        ("turn", ()),
        ("relay", ()),
    )
    plain = history.cases.get("plain")
    return (
        plain is not None
        and bool(plain.published)
        and not any(r.ended for c in history.cases.values() for _, r in c.calls)
    )


def together(
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
            title: str, parts: list[Part], rows: Callable[[], object], placed: list[Order], ordered: bool
        ) -> Scene:
            broken: list[Run] = []

            def reset() -> None:
                joined.clear()
                office.broker.forget()
                rows()

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
                max_runs=SOME,
            )

        def earlier() -> None:
            joined.clear()
            office.reset()
            office.place(second)

        with closing(office.waiting([first, second])) as rows:
            history.relays = play(
                "two relays at the same moment", [relay, relay], rows, [first, second], True
            )
        # The second caller is sooner done than the first that began before it, and relays what it sees.
        history.placing = play(
            "an order placed while another is placed and the relay runs",
            [place[0], Part("__place_and_relay__", CONN, path, dict(second))],
            office.tables,
            [first, second],
            False,
        )
        history.unrelated = rehearsal.play(
            "two customers place an order, one of them not the first",
            [place[0], place[1]],
            reset=earlier,
            max_switches=1,
            max_runs=12,
        )
        joined.end()


def faults(office: Office, database: Database, folder: Any, journal: Journal, history: History) -> None:
    first, _, second = history.placed[:3]
    with PostgresSteps(database.url(), folder, journal=journal) as postgres:
        direct, office.url = office.url, postgres.url()
        history.locks_kept = office.locks_kept()

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
                office.broker.forget()
                rows()
            office.relay()
            postgres.settle()
            with journal.shielded():
                office.relay_until_out()
                return office.wrong([first, second])

        history.place_faults = sweep(placing, journal, crash=crash)
        with journal.shielded():
            rows = office.waiting([first, second])
        with closing(rows):
            history.relay_faults = sweep(relaying, journal, crash=crash)
        office.url = direct
