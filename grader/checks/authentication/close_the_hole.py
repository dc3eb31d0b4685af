"""`close_the_hole`: the second step of that shop again, with every way through it closed but the right one."""

from __future__ import annotations

from grader.checks.authentication.close_the_hole_last_guess import both_compared, last_guess
from grader.checks.authentication.close_the_hole_scenes import Door, History, at_once, attacks, logins
from grader.checks.authentication.second_step import MALLORY
from grader.checks.authentication.served import refused
from grader.checks.authentication.unit import CLOCK, lab
from grader.checks.concurrency import explored
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench
from grader.instruments.explore import Exploration, timeline
from grader.verdict import Evidence


@lab.exercise(
    "close_the_hole",
    points=5,
    read="08-authentication: Break in, then close the hole",
    coverage=lambda h: "; ".join(
        [f"{len(h.attacks)} attacks among {len(h.logins)} logins"]
        + [
            f"{what}: {e.coverage}"
            for what, e in (("one code twice", h.same), ("two guesses", h.guesses))
            if e
        ]
    ),
    hints=(
        "The hole you came in by is one of several. What does each column of tickets know that the function never asks?",
        "Three questions: whose ticket is it, is this its code and all of it, and may it still be used? A count that "
        "decides something must be read and changed without anybody in between.",
        "Lock the ticket's row while it is unused, young and not guessed at too often; compare the whole code; write down "
        "a wrong guess or the use; return the customer of the ticket, whatever else the form says.",
    ),
)
def close_the_hole(answer: Answer, bench: Bench) -> History:
    door, history = Door(answer, bench), History()
    with door.clock:
        place = door.place()
        if logins(door, place, history):
            attacks(door, place, history)
            history.same, history.guesses = at_once(door, place)
            history.last = last_guess(door, place)
        place.kill()
    return history


NEVER = "It was not tried: Ada herself does not get in."


def _none_gets_in(history: History, family: str) -> Ruling:
    rows = [a for a in history.attacks if a.family == family]
    if not rows:
        return unknown(NEVER)
    # Whoever holds his own ticket and code may come in as himself.
    bad = [a for a in rows if a.who and not (family == "address" and a.who == MALLORY)]
    if not bad:
        return True
    told = "; ".join(f"{a.name} opens the account of {a.who}" for a in bad)
    return fail("it opens no account", told, evidence=[history.table(bad)])


def _holds(found: Exploration | None, expected: str, title: str) -> Ruling:
    unanswered = fail("both forms are answered", "one was never answered")
    return explored(found, expected, title, never=NEVER, unanswered=unanswered)


@close_the_hole.property(weight=0, misconception="What is open to nobody needs no function.")
def lets_people_in(history: History) -> Ruling:
    """The ticket's owner gets in with the code she was mailed, also after four slips and after nine minutes."""
    for login, who in history.logins:
        if login.who == who:
            continue
        why = ""
        if "another was guessed" in login.name:
            why = "Whoever guesses at one ticket must not lock the customer out: then anybody could, for as long as he likes."
        return fail(
            f"{login.name}: in as {who}",
            f"{login.reply.trouble or login.reply.line()}; in is {login.who or 'nobody'}",
            why,
        )
    return True


@close_the_hole.property(
    needs=["lets_people_in"],
    misconception="The address in the form is what somebody says; whose password was right stands in the ticket's row.",
)
def ticket_says_who(history: History) -> Ruling:
    """A ticket lets in the customer it was made for, whatever address comes with it."""
    return _none_gets_in(history, "address")


@close_the_hole.property(
    needs=["lets_people_in"],
    misconception="Begins with, contains and looks like are not equal: compare all of the code of this ticket, as text.",
)
def whole_code(history: History) -> Ruling:
    """Only a ticket's own name and its own code, all six digits and nothing else, open an account."""
    return _none_gets_in(history, "code")


@close_the_hole.property(
    needs=["lets_people_in"],
    misconception="A code lies in a mailbox afterwards, and a form in a log: what has been used must be over.",
)
def works_once(history: History) -> Ruling:
    """A ticket works once."""
    return _none_gets_in(history, "once")


@close_the_hole.property(
    needs=["lets_people_in"],
    misconception="A code that is good for ever can be guessed for ever; created_at says how old it is. "
    + CLOCK,
)
def ends_after_ten_minutes(history: History) -> Ruling:
    """After ten minutes a ticket is over."""
    return _none_gets_in(history, "time")


@close_the_hole.property(
    needs=["lets_people_in"],
    misconception="Six digits are few: what protects them is that wrong guesses are counted, and that the count is kept, "
    "also when the guess is refused by an exception.",
)
def five_guesses(history: History) -> Ruling:
    """After five wrong codes a ticket is over, even for the right one."""
    return _none_gets_in(history, "guesses")


@close_the_hole.property(
    needs=["lets_people_in"],
    misconception="An error of the app is no refusal: whatever is in the form, or is not, gets 401.",
)
def refuses_properly(history: History) -> Ruling:
    """Whatever a form holds in place of a ticket or a code is refused."""
    for odd in history.odd:
        if not refused(odd.reply) and not odd.who:
            return fail(
                f"{odd.name}: refused", odd.reply.trouble or odd.reply.line(), evidence=[history.table([odd])]
            )
    return True if history.odd else unknown(NEVER)


@close_the_hole.property(
    needs=["works_once", "five_guesses"],
    misconception="Both read the row before either had changed it: lock it first, or let one UPDATE look and change.",
)
def holds_under_all_schedules(history: History) -> Ruling:
    """At the same moment one code lets one in, and two wrong guesses count as two."""
    ruling = _holds(history.same, "the code lets one in", "One ticket and its code, twice")
    if ruling is not True:
        return ruling
    return _holds(
        history.guesses, "after five wrong codes the right one is refused", "Two wrong codes at once"
    )


@close_the_hole.property(
    needs=["holds_under_all_schedules"],
    misconception="Whoever compares first and counts afterwards compares a thousand codes that come at the same moment before "
    "the first is counted: take the guess first, or lock the ticket.",
)
def no_guess_too_many(history: History) -> Ruling:
    """Codes that come at the same moment get no more guesses than are left."""
    if not history.last:
        return unknown(NEVER)
    for pair in history.last:
        if both_compared(*pair):
            titles = "The right code at T1", "The right code at T2"
            return fail(
                "two codes at the same moment, one guess left: only one of them can let anybody in",
                f"whichever of the two is the right one, it lets in (schedule {pair[0].schedule})",
                evidence=[
                    Evidence("timeline", t, timeline(run)) for t, run in zip(titles, pair, strict=True)
                ],
            )
    return True
