"""Attempts to log in: who tries what from where, how each was answered, and what it cost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from grader.checks.running import Reply

DRIVER = '''
import contextlib as _contextlib


@_contextlib.contextmanager
def __same_chance__(number):
    """All randomness is that of `number`, also what the system is asked for."""
    import os, random

    stream, real, state = random.Random(number), os.urandom, random.getstate()
    places = [(os, "urandom"), (random, "_urandom")]
    places += [(globals(), name) for name, value in globals().items() if value is real]
    def put(function):
        for place, name in places:
            place.update({name: function}) if isinstance(place, dict) else setattr(place, name, function)
    random.seed(number)
    put(lambda size: stream.randbytes(size))
    try:
        yield
    finally:
        put(real)
        random.setstate(state)


def __knock__(conn, redis, clock, attempts, spare=False, chance=None):
    """Makes each attempt on the connection as a pool hands it out; how it was answered, as plain values."""
    __work__["spare"] = spare
    if chance is not None:
        with __same_chance__(chance):
            return __knock__(conn, redis, clock, attempts, spare)
    answers = []
    conn.close = lambda: None  # a pool's connection outlives `with conn:`
    for email, password, ip in attempts:
        __work__["costs"] = []
        try:
            value = login(conn, redis, email, password, ip, clock)
        except NotImplementedError:
            raise
        except Exception as error:
            own = type(error).__module__.split(".")[0] not in ("psycopg", "redis", "builtins", "argon2", "pwdlib")
            more = {k: repr(v) for k, v in vars(error).items()}
            after = getattr(error, "retry_after", None)
            after = float(after) if isinstance(after, (int, float)) else None
            typed = own or isinstance(error, ValueError)
            answers.append(["raised", type(error).__name__, typed, str(error), repr(sorted(more.items())), after])
        else:
            answers.append(["returned", value if isinstance(value, (int, str, type(None))) else repr(value)])
        answers[-1].append(list(__work__["costs"]))
        if not conn.closed:
            conn.rollback()
    return answers
'''


_OTHERS = str.maketrans("0123456789", "1234567890")


@dataclass(frozen=True)
class Attempt:
    what: str
    email: str
    password: str
    ip: str


@dataclass(frozen=True)
class Told:
    """How an attempt was answered. costs: parameters of each Argon2 computed for it.

    how: "returned" | "raised". typed: the exception is one of the shop's, the answer's own, or a ValueError.
    """

    attempt: Attempt
    how: str
    value: Any = None
    type: str = ""
    typed: bool = False
    text: str = ""
    more: str = ""
    retry_after: float | None = None
    costs: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        return self.how == "raised" and self.typed

    @property
    def reply(self) -> tuple[str, str, str]:
        """All that the caller learns, but for the address it gave itself."""
        email = self.attempt.email
        text, more = (
            t.replace(email, "<email>").replace(email.lower(), "<email>") for t in (self.text, self.more)
        )
        return self.type, text, more

    def said(self) -> str:
        if self.how == "raised":
            return f"raised {self.type}: {self.text}"[:100]
        return f"returned {self.value!r}"[:100]


def told(attempts: Iterable[Attempt], reply: Reply) -> list[Told]:
    """The answers of one `__knock__`; none if it did not come back."""
    rows = reply.value if reply.ok and isinstance(reply.value, list) else []
    found = []
    for attempt, row in zip(attempts, rows, strict=False):
        costs = tuple(str(c) for c in row[-1])
        if row[0] == "returned":
            found.append(Told(attempt, "returned", row[1], costs=costs))
        else:
            _, kind, typed, text, more, after, _ = row
            found.append(Told(attempt, "raised", None, kind, typed is True, text, more, after, costs))
    return found


class People:
    """Two customers, a closed account, and any number of strangers, of private names and addresses."""

    def __init__(self, random: Any) -> None:
        self._number = random.randrange(1000, 9000)
        self.ada, self.bob, self.closed = (f"{n}{self._number}@shop.example" for n in ("ada", "bob", "cyd"))
        self._tried = 0
        self._hosts = 0
        self.passwords: list[str] = [self.password(self.ada), self.password(self.bob)]

    def password(self, email: str) -> str:
        return f"Open-Sesame-{email.split('@', maxsplit=1)[0]}"

    def host(self) -> str:
        """A network address from which nobody has tried yet."""
        self._hosts += 1
        return f"203.0.{self._hosts // 250 + 1}.{self._hosts % 250 + 1}"

    def stranger(self) -> str:
        """An email address that has no account."""
        self._tried += 1
        return f"nobody{self._number + self._tried}@mail.example"

    def right(self, email: str, ip: str = "") -> Attempt:
        name = email.split("@", maxsplit=1)[0].lower().rstrip("0123456789")
        return Attempt(f"{name}, the right password", email, self.password(email.lower()), ip or self.host())

    def wrong(self, email: str, ip: str = "") -> Attempt:
        """Another wrong password every time."""
        self._tried += 1
        self.passwords.append(f"Guess-Work-{self._number}-{self._tried}")
        name = email.split("@", maxsplit=1)[0].lower().rstrip("0123456789")
        return Attempt(f"{name}, a wrong password", email, self.passwords[-1], ip or self.host())

    def twins(self) -> tuple[str, str]:
        """Two passwords of one kind that have no character in common at any place."""
        self._tried += 1
        number = self._number + self._tried
        return f"Quiet-Lantern-{number}", f"Brown-Saddles-{str(number).translate(_OTHERS)}"

    def traces(self) -> list[str]:
        """What must be found nowhere: the passwords typed, and what is as good to somebody with a list of words."""
        digests = [
            getattr(hashlib, name)(p.encode()).hexdigest()
            for p in self.passwords
            for name in ("sha256", "sha1", "md5")
        ]
        return self.passwords + digests
