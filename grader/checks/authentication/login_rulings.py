"""Rulings on how the attempts of `login` were answered: alike, at the same cost, and without a word of the password."""

from __future__ import annotations

from grader.checks.authentication.login_street import (
    ADDRESS_LIMIT,
    CLOSED,
    COST,
    LIMIT,
    RIGHT,
    SLACK,
    STRANGER,
    WINDOW,
    WRONG,
    History,
)
from grader.checks.exercise import Ruling, fail, unknown

TELLING = 8  # characters: a shorter password may stand in any text
ANY_FORM = "A part of it, an encoding or a fast hash leads a thief of it back to the password."


def answered_alike(history: History) -> Ruling:
    plain = history.series["plain"]
    known, nobody = (history.series.get(n, []) for n in ("account", "nobody"))
    pairs = [(plain[WRONG], plain[STRANGER], "plain"), (plain[WRONG], plain[CLOSED], "plain")]
    if len(known) > LIMIT and len(nobody) > LIMIT and history.throttled(known[LIMIT]):
        pairs += [(known[LIMIT], nobody[LIMIT], "nobody")]
    for one, other, name in pairs:
        if one.reply != other.reply:
            return fail(
                f"{other.attempt.what}, attempt {history.series[name].index(other) + 1}: {one.said()}",
                other.said()
                if one.said() != other.said()
                else f"an exception with other attributes: {other.more}",
                evidence=[history.table("plain" if name == "plain" else "account", name)],
            )
    return True


def worked_alike(history: History) -> Ruling:
    plain = history.series["plain"]
    if not any(one.costs for one in plain):
        return unknown("No Argon2 computation could be counted: it was made past the usual libraries.")
    for number in (RIGHT, WRONG, STRANGER, CLOSED):
        one = plain[number]
        if one.costs != (COST,):
            return fail(
                f"{one.attempt.what}: one Argon2 with {COST}",
                f"computed: {'; '.join(one.costs) or 'none'}",
                evidence=[history.table("plain")],
            )
    for name, found in history.series.items():
        for one in found if name != "plain" else ():
            if history.throttled(one) and one.costs:
                return fail(
                    "no Argon2 for an attempt that is refused with TooManyAttempts",
                    f"{len(one.costs)} computed",
                    "Throttling also keeps strangers from making your server work.",
                    [history.table(name)],
                )
    return True


def told_when(history: History) -> Ruling:
    for name, number, left in (
        ("time", LIMIT, 240),
        ("account", LIMIT, WINDOW),
        ("address", ADDRESS_LIMIT, WINDOW),
        ("address in time", ADDRESS_LIMIT, WINDOW - 360),
    ):
        one = history.series[name][number]
        if not history.throttled(one):
            continue  # others speak of that
        if one.retry_after is None or abs(one.retry_after - left) > SLACK:
            return fail(
                f"a retry_after of {left} seconds",
                f"retry_after is {one.retry_after}",
                "Who is told when it is worth coming back need not keep trying.",
                [history.table(name)],
            )
    return True


def leaves_no_password(history: History) -> Ruling:
    spoken = [
        t
        for found in history.series.values()
        for t in found
        if len(t.attempt.password) >= TELLING and t.attempt.password in t.text
    ]
    if spoken:
        return fail("errors without the password", spoken[0].said())
    if history.leaks:
        return fail("no trace of a password, nor of a fast hash of one", f"found in {history.leaks[0]}")
    if history.depends:
        return fail(
            "what is kept and said after an attempt does not depend on the password",
            f"the same attempts were made with another password, from the same state: {history.depends} is another",
            ANY_FORM,
        )
    return history.compared or unknown("The attempts did not come to an end, so no two were compared.")
