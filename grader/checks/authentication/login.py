"""`login`: a door that says nothing, costs the same whoever knocks, and lets nobody knock for ever."""

from __future__ import annotations

from grader.checks.authentication.login_rulings import (
    answered_alike,
    leaves_no_password,
    told_when,
    worked_alike,
)
from grader.checks.authentication.login_scenes import (
    apart,
    crash,
    disturbed,
    locked_out,
    one_by_one,
    races,
    too_many,
)
from grader.checks.authentication.login_street import (
    ADDRESS_LIMIT,
    CAPITALS,
    CLOSED,
    EMPTY,
    LIMIT,
    RIGHT,
    STRANGER,
    WRONG,
    History,
    Street,
)
from grader.checks.authentication.login_twins import compare
from grader.checks.authentication.unit import CLOCK, lab
from grader.checks.concurrency import all_end, holds
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench


@lab.exercise(
    "login",
    points=6,
    read="08-authentication: Logging in, and failing to",
    coverage=lambda h: h.coverage,
    hints=(
        "What can somebody with a list of addresses and a stopwatch learn from your replies? And how many guesses do "
        "two requests that arrive together both believe to be left?",
        "A guess has to be counted before its outcome is known, in one step with asking whether it is still allowed. "
        "What costs one Argon2 for one email has to cost one for every other.",
        "Take a place in both counters atomically, each with an end from its first moment on; if one is full, refuse "
        "without looking. Compare with the stored hash, or with one of nobody's. After a success give the places back "
        "and forget the account's failures, but not those of the network address.",
    ),
)
def login(answer: Answer, bench: Bench) -> History:
    street = Street(answer, bench)
    history = street.history
    with street.together:
        one_by_one(street)
        if history.hung or "time" not in history.series:
            return history
        compare(street)
        if history.hung:
            return history
        races(street)
        crash(street)
        apart(street)
    return history


@login.property(weight=0, misconception="A door that stays shut for everybody is safe, and of no use.")
def tells_right_from_wrong(history: History) -> Ruling:
    """The right password gives the account's id, in whatever case the email is typed; all else is refused."""
    plain = history.series.get("plain", [])
    if len(plain) < 6:
        return fail("a call that returns or raises", f"a call did not come back: {history.hung}")
    for number in (RIGHT, CAPITALS):
        if not history.let_in(plain[number]):
            email = plain[number].attempt.email
            return fail(
                f"{email}: {history.ids[email.lower()]}",
                plain[number].said(),
                "Stored addresses are in lower case; people type them as they like."
                if number == CAPITALS
                else "",
                [history.table("plain")],
            )
    for number in (WRONG, STRANGER, CLOSED, EMPTY):
        if not plain[number].refused:
            return fail(
                f"{plain[number].attempt.what}: InvalidCredentials",
                plain[number].said(),
                evidence=[history.table("plain")],
            )
    return True


@login.property(
    needs=["tells_right_from_wrong"],
    misconception="Whoever learns from your reply which addresses have accounts needs to guess only there, and knows whom "
    "to write to.",
)
def same_reply(history: History) -> Ruling:
    """An unknown email, a closed account and a wrong password are answered alike, throttled or not."""
    return answered_alike(history)


@login.property(
    needs=["tells_right_from_wrong"],
    misconception="One Argon2 takes longer than everything else together: where it is left out, the answer comes early, and "
    "says as much as another text would.",
)
def same_work(history: History) -> Ruling:
    """Every comparison costs one Argon2 of the same price, whether there is something to compare with or not."""
    return worked_alike(history)


@login.property(
    needs=["tells_right_from_wrong"],
    misconception="An attacker has as many network addresses as needed, and knows that ADA@ is ada@: what is counted must be "
    "what is guessed at.",
)
def account_is_throttled(history: History) -> Ruling:
    """After five failures for an email, from anywhere and however spelled, the next attempt is refused unseen."""
    ruling = history.follows(
        "account", (LIMIT, "denied"), (2, "throttled"), (1, "in"), why={"in throttled": OTHERS}
    )
    if ruling is not True:
        return ruling
    return history.follows("nobody", (LIMIT, "denied"), (1, "throttled"), why={"throttled denied": NOBODY})


OTHERS = "Guesses at one account are no reason to lock another out."
NOBODY = "If only accounts that exist are throttled, throttling tells which exist."


@login.property(
    needs=["tells_right_from_wrong"],
    misconception="One password tried at each of a million accounts fails once at each: only the network address has failed "
    "often.",
)
def address_is_throttled(history: History) -> Ruling:
    """After twenty failures from a network address, at whichever accounts, the next attempt from there is refused."""
    return history.follows(
        "address",
        (ADDRESS_LIMIT, "denied"),
        (LIMIT + 2, "throttled"),
        (1, "in"),
        why={"in throttled": ELSEWHERE},
    )


ELSEWHERE = (
    "Failures from one network address are no reason to refuse another, and what was refused is no failure."
)


@login.property(
    needs=["account_is_throttled"],
    misconception="The window begins with the first failure: not on the hour, not anew with every failure, and not with "
    "attempts that were refused. " + CLOCK,
)
def ends_in_time(history: History) -> Ruling:
    """A quarter of an hour after the first of the five failures it is over, and TooManyAttempts says so beforehand."""
    for name, *wanted in (
        ("time", (LIMIT, "denied"), (LIMIT + 2, "throttled"), (1, "in")),
        ("address over", (1, "in")),
    ):
        ruling = history.follows(name, *wanted)
        if ruling is not True:
            return ruling
    return told_when(history)


@login.property(
    needs=["account_is_throttled", "address_is_throttled"],
    misconception="A success proves who owns this account, and nothing about who else was guessed at from the same place: an "
    "attacker has an account too.",
)
def success_forgives_its_own(history: History) -> Ruling:
    """A success forgets the failures for this email only, is no failure itself, and does not clear the network address."""
    four = LIMIT - 1
    for name, wanted, why in (
        ("office", [(ADDRESS_LIMIT + 1, "in")], OFFICE),
        ("forgiven", [(four, "denied"), (1, "in"), (four, "denied"), (1, "in")], FORGIVE),
        ("neighbour", [(four, "denied"), (1, "in"), (1, "denied"), (1, "throttled")], ""),
        ("colleague", [(LIMIT, "denied"), (ADDRESS_LIMIT, "throttled"), (1, "in")], COLLEAGUE),
        ("own account", [*([(3, "denied"), (1, "in")] * 6), (2, "denied"), (2, "throttled")], ""),
    ):
        ruling = history.follows(name, *wanted, why={"in throttled": why, "denied throttled": why})
        if ruling is not True:
            return ruling
    return True


FORGIVE = "Whoever mistypes four times and then gets it right starts from zero."
COLLEAGUE = "What was refused was not compared, and is no failure: a program with an old password must not lock out its office."
OFFICE = "A whole office logs in from one network address, rightly: only failures count."


@login.property(
    needs=["account_is_throttled", "address_is_throttled"],
    misconception="Between reading the counter and writing it, or between asking and counting, another attempt asks too; with "
    "a hundred at once the limit is a hundred.",
)
def no_guess_too_many(history: History) -> Ruling:
    """Two attempts at the same moment never get more guesses than are left, under any schedule of Postgres and Redis."""
    ended = all_end(history.races)
    if ended is not True:
        return ended
    return holds(
        history.races, too_many, expected="one wrong password is compared, every other attempt is refused"
    )


@login.property(
    needs=["account_is_throttled"],
    misconception="A counter that gets its end in a second step has none if the process dies between the two.",
)
def nobody_is_locked_out_for_ever(history: History) -> Ruling:
    """Wherever the process dies, a quarter of an hour after the failures the owner gets in."""
    if history.crash is None:
        return unknown("The calls were not made.")
    return holds([history.crash], locked_out, expected="the id of the account")


@login.property(
    needs=["no_guess_too_many"],
    misconception="One lock for the whole door makes every customer wait for every attacker.",
)
def others_go_on(history: History) -> Ruling:
    """Attempts for different emails from different places do not wait for each other."""
    if history.unrelated is None:
        return unknown("The calls were not made at the same moment.")
    ended = all_end([history.unrelated])
    if ended is not True:
        return ended
    return holds(
        [history.unrelated], disturbed(history.unrelated), expected="both go their way without waiting"
    )


@login.property(
    needs=["tells_right_from_wrong"],
    misconception="What people type as a wrong password is their right one with a slip, or their password somewhere else.",
)
def passwords_go_nowhere(history: History) -> Ruling:
    """No password that was typed is found in Redis, in a table, in the output or in an error, in whatever form."""
    return leaves_no_password(history)
