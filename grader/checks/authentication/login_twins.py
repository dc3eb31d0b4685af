"""What is left of a password: the same attempts with one and with another, from one state and by the same chance.

What the answer keeps or says afterwards may depend on who tried, from where and when, but not on what was typed as a
password. That finds a password however it is written: encoded, cut short, or as a hash of any kind.
"""

from __future__ import annotations

import re

import argon2

from grader.checks.authentication.attempts import Attempt
from grader.checks.authentication.login_street import LIMIT, Street

CHANCE = 8
_ARGON2 = re.compile(r"\$argon2\w*\$[^\s\"']*")  # dear on purpose, and no way to look for a password
_WORD = re.compile(r"[0-9A-Za-z]+")
Words = dict[str, set[str]]  # by where they are


def compare(street: Street) -> None:
    """Notes in the history where something depends on the password, if anything does."""
    people, history = street.people, street.history
    ada, bob = people.ada, people.bob
    twins = people.twins()
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    bobs = {password: cheap.hash(password) for password in twins}
    stranger, hosts = people.stranger(), [people.host() for _ in range(5)]
    street.forget()
    street.try_all(*(people.wrong(ada) for _ in range(LIMIT - 1)))  # so that only one more is denied
    again = street.as_now()

    def left_by(password: str) -> Words:
        again()
        street.set_hash(bob, bobs[password])
        before = _words(street.holdings())
        emails = [bob, ada, ada, stranger, people.closed]
        some = [Attempt("", email, password, ip) for email, ip in zip(emails, hosts, strict=True)]
        del street.outputs[:]
        found = street.try_all(*some, chance=CHANCE)
        after = _words(
            {
                **street.holdings(),
                "what the call printed": street.outputs,
                "what the errors say": [text for one in found for text in (one.text, one.more)],
            }
        )
        return {where: words - before.get(where, set()) for where, words in after.items()}

    one, other = twins
    left = [left_by(password) for password in (one, other, other, one)]
    history.compared = not history.hung
    history.depends = dependent(*left)


def dependent(first: Words, second: Words, third: Words, fourth: Words) -> str:
    """Where something is the same for the one password (first, fourth), the same for the other, and not for both.

    In this order what only time makes equal would have to be equal all four times.
    """
    for where in first:
        ones = (first[where] & fourth[where]) - (second[where] | third[where])
        others = (second[where] & third[where]) - (first[where] | fourth[where])
        if ones and others:
            return where
    return ""


def _words(texts: dict[str, list[str]]) -> Words:
    """Each text as it is, and the words in it, because a password may stand beside a moment."""
    found: Words = {}
    for where, some in texts.items():
        bare = [_ARGON2.sub("", text) for text in some]
        found[where] = {*bare, *(word for text in bare for word in _WORD.findall(text))}
    return found
