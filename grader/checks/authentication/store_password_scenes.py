"""The scenes of `store_password`: rows of all kinds and what is typed for them, races, and another process."""

from __future__ import annotations

import unicodedata

import argon2

from grader.checks.authentication.store_password_desk import ACCENTED, CHANGED, NO_HASHES, PASSWORD, Desk
from grader.checks.authentication.stored_hashes import old_hash, opens

STORE, VERIFY = "store_password", "verify_password"
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
ONE_PASS = argon2.PasswordHasher(
    time_cost=1, memory_cost=64 * 1024, parallelism=1
)  # memory enough, passes not


def one_by_one(desk: Desk, salt: str, tail: str) -> bool:
    """Returns whether there is any use in going on. tail: ends the passwords."""
    password, legacy = PASSWORD + tail, ACCENTED + tail
    if not _first_calls(desk, password):
        return False
    _no_hashes(desk, password)
    _old_hashes(desk, salt, password, legacy)
    if not desk.history.opens:
        return False  # the rest is about good hashes, and bad ones may be dear
    _upgrades(desk, password, legacy)
    _long_ones(desk)
    return True


def _first_calls(desk: Desk, password: str) -> bool:
    """A password is stored, and the right one and others are typed."""
    history = desk.history
    first = desk.call("store", "store a password", STORE, "ada@example.com", password)
    if first.reply.ended or first.after is None:
        return False
    history.opens = opens(first.after, password)
    desk.call("right", "verify it", VERIFY, "ada@example.com", password)
    if history.calls["right"].reply.ended:
        return False
    desk.call("space", "verify it with a space more", VERIFY, "ada@example.com", password + " ")
    desk.call("newline", "verify it with a line break more", VERIFY, "ada@example.com", password + "\n")
    desk.call("case", "verify it in capitals", VERIFY, "ada@example.com", password.upper())
    return True


def _no_hashes(desk: Desk, password: str) -> None:
    # Nothing can match here: what is compared with is the answer's own, for the sake of the time.
    desk.spare(True)
    desk.call("unknown", "verify for an address nobody has", VERIFY, "nobody@example.com", password)
    desk.put("closed@example.com", "!")
    desk.call("closed", 'verify for a closed account ("!")', VERIFY, "closed@example.com", "!")
    for number, stored in enumerate(NO_HASHES):
        desk.put(f"none{number}@example.com", stored)
        what = f"verify where {stored!r} is stored as the hash"
        desk.call(f"none {number}", what, VERIFY, f"none{number}@example.com", stored.removeprefix("sha256$"))
    desk.spare(False)


def _old_hashes(desk: Desk, salt: str, password: str, legacy: str) -> None:
    """Wrong passwords for rows whose hashes are not of today's kind."""
    desk.put("old@example.com", old_hash(salt, legacy))
    desk.call("old wrong", "old sha256: a wrong password", VERIFY, "old@example.com", legacy + "!")
    desk.put("weak@example.com", CHEAP.hash(password))
    desk.call("weak wrong", "weak Argon2: a wrong password", VERIFY, "weak@example.com", password + "!")


def _upgrades(desk: Desk, password: str, legacy: str) -> None:
    """The right passwords for the same rows."""
    desk.call("old", "old sha256: the right password", VERIFY, "old@example.com", legacy)
    desk.call("old again", "the same password again", VERIFY, "old@example.com", legacy)
    desk.call("weak", "weak Argon2: the right password", VERIFY, "weak@example.com", password)
    desk.put("hasty@example.com", ONE_PASS.hash(password))
    desk.call(
        "hasty", "Argon2 of 64 MiB and 1 pass: the right password", VERIFY, "hasty@example.com", password
    )


def _long_ones(desk: Desk) -> None:
    long = "Zoë liest Bücher über Öl. " * 50 + "#"
    desk.call("long", "store a password of 1,301 characters", STORE, "zoe@example.com", long)
    desk.call("long end", "verify it with another last character", VERIFY, "zoe@example.com", long[:-1] + "$")
    typed = unicodedata.normalize("NFD", long)
    desk.call("typed", "verify it as another keyboard sends it", VERIFY, "zoe@example.com", typed)


def races(desk: Desk, salt: str, password: str) -> None:
    """A password is changed while its hash is upgraded."""
    for number, (what, stored) in enumerate(
        (("an old sha256", old_hash(salt, password)), ("a cheap Argon2 hash", CHEAP.hash(password)))
    ):
        desk.put(f"race{number}@example.com", stored)
        desk.race(what, f"race{number}@example.com", password, CHEAP.hash(CHANGED))


def another_process(desk: Desk, password: str) -> None:
    if desk.worker:
        desk.worker.kill()  # another process of the same program
    desk.spawn()
    desk.call("store again", "another process stores the same password", STORE, "ada@example.com", password)
