"""`payments`: an app whose POST can be repeated: one charge and one reply for one key, whatever fails."""

from __future__ import annotations

from grader.checks.concurrency import explored
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.idempotency.payments_scenes import faults, one_by_one, paid, together, unlike
from grader.checks.idempotency.payments_shop import TRIES, Case, History, Shop, not_once
from grader.checks.idempotency.unit import lab
from grader.checks.running import Answer, Bench
from grader.verdict import Evidence


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
        one_by_one(shop, place, history)
        plain = history.cases.get("plain")
        if not history.hung and plain is not None and plain.last.status == 201 and not plain.last.ended:
            together(shop, place, history)
            place.kill()
            history.faults = faults(shop)
    return history


def _case(history: History, name: str) -> Case | None:
    return history.cases.get(name)


NEVER = "An earlier request was never answered, so this was not tried."
HUNG = fail(
    "both requests are answered",
    "one was never answered",
    "A request that waits for another must not wait for ever.",
)


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
            case.charges[0][1:] == (history.amount, f"order-{history.order}"),
            f"{history.amount} cents are charged under the reference order-{history.order}",
            f"{case.charges[0][1]} were, under {case.charges[0][2]}",
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
    for name in ("other body", "other order", "other after failure"):
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
    if case.last.status not in (400, 422) or case.charges:
        return fail(
            "a payment without a key is refused: 400 or 422, no charge",
            f"{case.last.line()}, {len(case.charges)} charges",
            "A payment that cannot be repeated safely must not begin.",
        )
    return explored(
        history.unequal,
        "of two requests with one key and different bodies one is paid and the other refused: 422, or 409 meanwhile",
        "Two different requests with one key",
        never=NEVER,
        unanswered=HUNG,
    )


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
        wanted = ["shop-a", "shop-b" if name == "clients" else "shop-a"]
        if [row[0] for row in case.rows] != wanted:
            return fail(
                f"{case.what}: the ledger has one row each of {' and '.join(wanted)}",
                f"it has those of {' and '.join(row[0] for row in case.rows)}",
                evidence=[case.shown()],
            )
    return True


@payments.property(
    needs=["pays"],
    misconception="A key that is remembered for ever fills the table; whoever uses it again a day later means a new payment, "
    "also for the provider.",
)
def keys_expire(history: History) -> Ruling:
    """After 24 hours a key is as new: for the same request, for its repetition, and for another one."""
    for before, name, new, expected in (
        ("after", "expired", 1, "a new payment: 201, one more charge, one more row"),
        ("expired", "renewed", 0, "the new payment again, no further charge or row"),
        ("renewed", "other later", 1, "a new payment: 201, one more charge, one more row"),
    ):
        earlier, case = _case(history, before), _case(history, name)
        if earlier is None or case is None:
            return unknown(NEVER)
        counted = len(case.charges) - len(earlier.charges), len(case.rows) - len(earlier.rows)
        told = case.last.status == 201 if new else paid(case.last) == paid(case.replies[0])
        if not told or counted != (new, new):
            return fail(
                f"{case.what}: {expected}",
                f"{case.last.line()}; {counted[0]} more charges, {counted[1]} more ledger rows",
                evidence=[case.shown()],
            )
    return _also_after_a_failure(history)


def _also_after_a_failure(history: History) -> Ruling:
    """Keys whose first request failed."""
    case = _case(history, "failed and over")
    if case is None:
        return unknown(NEVER)
    if case.last.status != 201 or not_once(case.charges, case.rows):
        return fail(
            f"{case.what}: a new payment: 201, a charge, a row",
            f"{case.last.line()}; {not_once(case.charges, case.rows) or 'one charge, one row'}",
            "A key is used from its first request on, whatever became of that.",
            [case.shown()],
        )
    case = _case(history, "late and over")
    # Whether a request that failed was the first use is left to the answer: then the payment comes again, or a new one.
    if case is None:
        return True
    apart = len({charge for *_, charge in case.rows}) == len(case.rows) == len(case.charges)
    if case.last.status != 201 or not apart:
        return fail(
            f"{case.what}: a new payment with a charge and a row of its own, or the earlier one once more",
            f"{case.last.line()}; {len(case.charges)} charges and {len(case.rows)} ledger rows in all",
            "The provider keeps its keys for a day as well, from the moment it was asked: what is new for you must be new for it.",
            [case.shown()],
        )
    return True


@payments.property(
    needs=["pays"],
    misconception="A failure that is stored as the reply answers every repetition for a day; it was the moment for which the "
    "key was made.",
)
def failures_are_not_frozen(history: History) -> Ruling:
    """When the provider fails, repeating the request under the same key pays once."""
    for case in history.trouble:
        if case.replies[0].status != 201 and case.replies[0].status < 500:
            return fail(
                "a failure of the provider is answered 5xx",
                f"{case.what}: {case.replies[0].trouble or case.replies[0].line()}",
                "What the client can do nothing about is no 4xx: it would take the request for wrong and not repeat it.",
                [case.shown()],
            )
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
    expected = "one charge, one ledger row; both get the same reply, or one gets 409"
    ruling = explored(history.schedules, expected, "Two requests with one key", never=NEVER, unanswered=HUNG)
    if ruling is True and history.renewals is not None:
        title = "Two requests with a key whose 24 hours are over"
        expected = f"of two requests with a key whose 24 hours are over one pays anew: {expected}"
        ruling = explored(history.renewals, expected, title, never=NEVER, unanswered=HUNG)
    if ruling is not True:
        return ruling
    slow = history.slow
    if slow is not None and (text := not_once(slow.charges, slow.rows) or unlike(slow.replies)):
        return fail(
            "one charge, one ledger row, one reply, however long the provider takes",
            f"{slow.what}: {text}",
            "Who has waited longer than its claim lasts may not be the only one any more, and has to look before it writes.",
            [slow.shown()],
        )
    return True


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
