"""The scenes of `charge`: calls one after the other, at one moment, and with a fault at each boundary."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.conninfo import make_conninfo

from grader.checks.concurrency import CONN, Part, Rehearsal, Seat
from grader.checks.idempotency.charge_till import (
    BAD_DAY,
    CALLING,
    CALLS,
    DATED,
    HOUR,
    TROUBLE,
    TWO,
    History,
    Till,
    unpaid,
)
from grader.checks.idempotency.deliveries import ENOUGH, PATIENT
from grader.checks.running import Answer, Bench
from grader.instruments.clock import VirtualClock
from grader.instruments.explore import Run
from grader.instruments.faults import Sweep, sweep
from grader.instruments.joining import join
from grader.instruments.pgsteps import PostgresSteps
from grader.instruments.steps import Journal

NEW_YEAR = datetime(2035, 1, 1, tzinfo=UTC)  # a Monday: the week begins as well
WEST, EAST = "Etc/GMT+12", "Etc/GMT-14"  # 26 hours apart: it is never the same day in both


def one_by_one(till: Till, clock: VirtualClock, history: History, order: int) -> None:
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


def over_midnight(till: Till, clock: VirtualClock, history: History, folder: Any, order: int) -> None:
    """A reply is lost in one year, and the call comes again in the next.

    The database's clock cannot be set: the two calls come over sessions in whose time zones it is another day.
    """
    door = clock.serve(folder, "till")
    dated = f"{DATED}__calendar_flows__({door!r})\n"
    night = Till(till.answer, till.database, till.tables, till.bank, dated)

    def in_zone(zone: str) -> None:
        night.url = make_conninfo(till.url, options=f"-c timezone={zone}")

    night.reset()
    clock.set(NEW_YEAR - timedelta(seconds=5))
    till.bank.trouble = ("cut after",)
    in_zone(WEST)
    calls = night.until_done(order, lambda: in_zone(EAST))
    what = f"{TROUBLE['cut after']} just before midnight; called again at once, and it is another day"
    case = night.case(what, calls, order)
    case.misconception = (
        "A key that is made from the day, or from the moment, is another one when the day is over, and the request is new "
        "to the provider. What is paid for is the same order all the time."
    )
    history.trouble.append(case)
    if night.worker is not None:
        night.worker.kill()


def together(
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


def faults(till: Till, journal: Journal, folder: Any, order: int) -> Sweep:
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
