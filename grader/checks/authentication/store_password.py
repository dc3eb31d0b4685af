"""`store_password` and `verify_password`: what is stored is of little use to a thief, and better after each login."""

from __future__ import annotations

from grader.checks.authentication.store_password_desk import NO_HASHES, PASSWORD, Desk, History
from grader.checks.authentication.store_password_scenes import another_process, one_by_one, races
from grader.checks.authentication.stored_hashes import TODAYS, salt_of, shortened, weakness
from grader.checks.authentication.unit import lab
from grader.checks.concurrency import blame
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench


@lab.exercise(
    "store_password",
    binds=("store_password", "verify_password"),
    points=3,
    read="08-authentication: What is stored",
    coverage=lambda h: (
        f"{len(h.calls)} calls, and {len(h.races)} passwords changed while their hashes were being upgraded"
    ),
    hints=(
        "Somebody has copied the table and rents a hundred graphics cards for a weekend: what makes each guess dear, "
        "and why must a guess for one person be worth nothing for another?",
        "A PHC string carries its algorithm, its parameters and its salt, so old rows can be told from new ones. The "
        "clear password is there only at login: that is the moment to replace what is old.",
        "Let the library make the string and compare it; when it matches and is not of today's kind, make a new one "
        "and store it, provided that the row still holds what you compared with. One password can be typed as "
        "different code points: bring it to one form first.",
    ),
)
def store_password(answer: Answer, bench: Bench) -> History:
    desk, random = Desk(answer, bench), bench.random("passwords")
    salt, tail = random.randbytes(8).hex(), f" {random.randrange(10**6)}"
    if one_by_one(desk, salt, tail):
        races(desk, salt, PASSWORD + tail)
        another_process(desk, PASSWORD + tail)
    return desk.history


@store_password.property(weight=0)
def tells_right_from_wrong(history: History) -> Ruling:
    """The stored password is recognised; every other one, however close, is not."""
    wrong = ("space", "newline", "case", "unknown", "closed", "old wrong", "weak wrong")
    for key, wanted in (("store", None), ("right", True), *((key, False) for key in wrong)):
        call = history.calls.get(key)
        if call is None:
            return unknown("An earlier call never came back.", [history.table()])
        if not call.reply.ok:
            return fail(
                f"{call.what}: the call returns", f"the call {blame(call.reply)}", evidence=[history.table()]
            )
        if key == "store" and call.after is None:
            happened, why = "nothing is stored after the call returned", ""
            if call.left_open:
                happened += ": its transaction was still open, so it was rolled back"
                why = "What is not committed is rolled back by whoever gets the connection next."
            return fail("a row with the password's hash", happened, why, evidence=[history.table()])
        if wanted is not None and call.answer is not wanted:
            return fail(
                f"{call.what}: {wanted}", call.said(), MISTAKEN.get(key, ""), evidence=[history.table()]
            )
    return True


@store_password.property(
    needs=["tells_right_from_wrong"],
    misconception="Accounts are closed, imported and repaired by hand: a row may hold anything, and a login attempt "
    "is no occasion to complain about it.",
)
def no_hash_matches_nothing(history: History) -> Ruling:
    """Where a row holds what is no hash every password is wrong, and none is an error."""
    for number in range(len(NO_HASHES)):
        call = history.calls[f"none {number}"]
        if call.answer is not False:
            return fail(f"{call.what}: False", call.said(), evidence=[history.table(f"none {number}")])
    return True


MISTAKEN = {
    "space": "A password is not tidied up: spaces at its ends are part of it.",
    "newline": "A line break is a character too: only what read a line may take off what ended it.",
    "case": "A password is not folded: capitals are part of it.",
    "closed": "A row that holds no hash matches nothing, least of all itself.",
}


@store_password.property(
    needs=["tells_right_from_wrong"],
    misconception="A fast hash lets a thief of the table try billions of passwords a second; what can be decrypted "
    "is decrypted by whoever also took the key.",
)
def argon2id_at_rest(history: History) -> Ruling:
    """What is stored is an Argon2id hash of the password whose parameters cost a guesser time and memory."""
    call = history.calls["store"]
    problem = weakness(call.after or "")
    if not problem and not history.opens:
        problem = "the stored hash is not that of the password: another program could not verify it"
    dear = BAD_COST if problem.startswith("too dear") else ""
    return not problem or fail(TODAYS, problem, dear, [history.table("store")])


BAD_COST = "The cost is paid at every login: with too much of it a handful of login attempts at once takes the server down."


@store_password.property(
    needs=["argon2id_at_rest"],
    misconception="A salt that can be computed beforehand, from the address, the password or a constant, lets a table "
    "be made beforehand too.",
)
def unique_salt(history: History) -> Ruling:
    """Storing the same password again gives another salt, in another process too."""
    again = history.calls.get("store again")
    if again is None or not again.reply.ok:
        return unknown("The second process did not store the password.", [history.table()])
    salts = [salt_of(history.calls[key].after or "") for key in ("store", "store again")]
    return salts[0] != salts[1] or fail(
        "two different salts for the same address and password",
        f"both hashes have the salt {salts[0]}",
        evidence=[history.table("store", "store again")],
    )


@store_password.property(
    needs=["argon2id_at_rest"],
    misconception="Some schemes look at the first 72 bytes only, or were made to look at less; what is cut off need not be guessed.",
)
def long_passwords(history: History) -> Ruling:
    """A long password counts to its last character."""
    stored, end = history.calls.get("long"), history.calls.get("long end")
    if stored is None or end is None:
        return unknown("An earlier call never came back.")
    if not stored.reply.ok:
        return fail("a password of 1,301 characters is stored", f"the call {blame(stored.reply)}")
    return end.answer is False or fail(
        "a password of which only the last of 1,301 characters is wrong is refused",
        end.said(),
        evidence=[history.table("long", "long end")],
    )


@store_password.property(
    needs=["argon2id_at_rest", "long_passwords"],
    misconception="One keyboard sends ë as one code point, another as e and two dots: to the hash these are different "
    "passwords.",
)
def same_text_same_password(history: History) -> Ruling:
    """A password is the same whether its accents come composed or decomposed."""
    typed = history.calls["typed"]
    return typed.answer is True or fail(
        "the same text in its decomposed form (NFD) is recognised",
        typed.said(),
        evidence=[history.table("long", "typed")],
    )


@store_password.property(
    needs=["argon2id_at_rest"],
    misconception="Only at a successful login is the password there in clear: who does not use that moment keeps the "
    "old hashes for ever.",
)
def upgrades_old_hashes(history: History) -> Ruling:
    """A successful login replaces an old or weak hash for good; an unsuccessful one changes nothing."""
    for key in ("old", "weak", "hasty"):
        right = history.calls[key]
        wrong = history.calls.get(f"{key} wrong", right)
        shown = [history.table("old wrong", "old", "old again", "weak wrong", "weak", "hasty")]
        if wrong is not right and wrong.after != wrong.before:
            return fail(
                f"{wrong.what} changes nothing", f"it stored {shortened(wrong.after)}", evidence=shown
            )
        if right.answer is not True:
            return fail(
                f"{right.what}: True", right.said(), "Old rows are valid until their owner comes by.", shown
            )
        problem = weakness(right.after or "")
        if problem:
            if right.left_open:
                problem += "; the transaction was still open at the end of the call, so it was rolled back"
            return fail(f"{right.what}: an Argon2id hash of today's cost afterwards", problem, evidence=shown)
    again = history.calls["old again"]
    return again.answer is True or fail(
        "the password still opens the account after its hash was upgraded",
        again.said(),
        "What was upgraded must be the hash of the password, not of the old hash.",
        [history.table("old", "old again")],
    )


@store_password.property(
    needs=["upgrades_old_hashes"],
    misconception="Between reading the old hash and storing the new one the owner may have changed the password: an "
    "UPDATE that does not ask brings the old one back.",
)
def upgrade_yields_to_change(history: History) -> Ruling:
    """A password changed while a login upgrades the old hash stays changed."""
    if not any(race.told for race in history.races.values()):
        return unknown(
            "No new hash was computed during the login, so the password could not be changed meanwhile."
        )
    for what, race in history.races.items():
        if race.told == "changed" and race.raced != race.newer:
            return fail(
                f"{what} is upgraded while the password is changed: the hash of the new password stays",
                f"the row holds {shortened(race.raced)}: the login wrote the old password back",
            )
    return True


@store_password.property(
    needs=["upgrades_old_hashes"],
    misconception="Each Argon2 is dear by intention; one more than needed is paid at every login.",
)
def hash_work(history: History) -> Ruling:
    """Storing computes one Argon2, verifying one, and one more only when a weak one is replaced."""
    if not any(sum(c.work) for c in history.calls.values()):
        return unknown("No Argon2 computation could be counted: it was made past the usual libraries.")
    for key, least, most in (
        ("store", 1, 1),
        ("right", 1, 1),
        ("space", 1, 1),
        ("old", 1, 1),
        ("old again", 1, 1),
        ("weak wrong", 1, 1),
        ("weak", 1, 2),
        ("hasty", 1, 2),
    ):
        call = history.calls[key]
        if not least <= sum(call.work) <= most:
            return fail(
                f"{call.what}: {'at most ' if most > least else ''}{most} Argon2 computed",
                f"{sum(call.work)} computed",
                REMEMBERED if sum(call.work) < least else "",
                evidence=[history.table()],
            )
    right = history.calls["right"]
    return right.version_kept or fail(
        "a login with a hash of today's kind writes nothing",
        f"the row was written again: {shortened(right.after)}",
        "Rewriting at every login costs a hash and a write, and tells nobody anything.",
        [history.table("right")],
    )


REMEMBERED = "A password that is recognised without a computation is kept somewhere it can be read, or compared by something cheap."
