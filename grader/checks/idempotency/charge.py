"""`charge`: an order is paid once, although nobody can say what became of a request that timed out."""

from __future__ import annotations

from grader.checks.concurrency import all_end, blame, covered, holds
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.idempotency.charge_scenes import faults, one_by_one, over_midnight, together
from grader.checks.idempotency.charge_till import LAG, SCHEMA, Bank, Case, History, Till, unpaid
from grader.checks.idempotency.deliveries import NEVER, waits
from grader.checks.idempotency.unit import lab
from grader.checks.running import Answer, Bench
from grader.checks.tables import Tables
from grader.instruments.clock import VirtualClock
from grader.instruments.steps import Journal
from grader.verdict import Evidence


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
    with clock, Bank(folder, journal=journal, clock=clock, lookup_lag=LAG) as bank:
        assert isinstance(bank, Bank)
        till = Till(answer, database, tables, bank)
        one_by_one(till, clock, history, order)
        if history.plain is None or not history.plain.last.ok:
            return history
        over_midnight(till, clock, history, folder, order)
        together(answer, bench, till, journal, history, (order, other))
        history.faults = faults(till, journal, folder, order)
    return history


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
                "exactly one charge, and the order paid",
                f"{case.what}: {text}",
                case.misconception,
                [case.shown()],
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
