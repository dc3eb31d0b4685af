"""The shop in which `reset_password` runs: customers, a mailbox for each, a clock, and two processes with the app."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from grader.checks.authentication.kept import spellings
from grader.checks.authentication.served import Served
from grader.checks.holdings import in_tables
from grader.checks.running import Answer, Bench
from grader.checks.tables import Tables
from grader.checks.virtual_time import CALENDAR
from grader.checks.virtual_time import DRIVER as FLOWING
from grader.instruments.callers import Exchange
from grader.instruments.clock import VirtualClock
from grader.instruments.serve import socket_in
from grader.instruments.steps import Journal

SCHEMA = """
CREATE TABLE customers (
    id            bigint PRIMARY KEY,
    email         text NOT NULL UNIQUE,
    password_hash text NOT NULL
);
CREATE TABLE sessions (
    token_hash  text PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers
);
CREATE TABLE password_resets (
    token_hash  text PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
"""
DRIVER = (
    FLOWING
    + CALENDAR
    + """
_mails, _tried, _mail_is_down = [], [0], [False]


def __send_mail__(to, subject, text):
    with _quiet:
        _tried[0] += 1
        _quiet.notify_all()
        if _mail_is_down[0]:
            raise ConnectionError("the mail server does not answer")
        to = to if isinstance(to, list) else [to]
        _mails.append({"to": [str(t) for t in to], "subject": str(subject), "text": str(text)})


def __hash_password__(password):
    salt = __import__("secrets").token_hex(8)
    digest = __import__("hashlib").sha256((salt + password).encode()).hexdigest()
    return f"$argon2id$v=19$m=65536,t=3,p=4${salt}${digest}"


def __open__(listener, url, clock):
    from grader.instruments.answer_clock import connect

    return __serve__(listener, "reset_password", url, __send_mail__, __hash_password__, connect(clock))


def __open_still__(listener, url, clock):
    # The machine's time of day is the judge's and stands still; who waits goes on.
    import time

    sleep = time.sleep
    __calendar_flows__(clock)
    __swap__(time, sleep=sleep)
    __seed__(7)
    return __open__(listener, url, clock)


def __mails__(wanted):
    def tried():
        return _tried[0] >= wanted

    # A background task may try until the mail server is back, and is under way until then.
    __quiet__(tried, enough=lambda: _mail_is_down[0] and tried())
    found = _mails[:]
    _mails.clear()
    _tried[0] = 0
    return found


def __mail_is_down__(down):
    with _quiet:
        _mail_is_down[0] = down
    if not down:
        __mails__(0)  # what was still to be sent is nobody's reply
"""
)
HOME = "https://shop.example/reset"


@dataclass(frozen=True)
class Mail:
    to: tuple[str, ...]
    text: str

    @property
    def links(self) -> list[str]:
        return [
            link.rstrip(".,;)>\"'")
            for link in re.findall(r"""[a-z]+://[^\s<>"']+""", self.text, re.IGNORECASE)
        ]

    @property
    def token(self) -> str:
        """Of the first link that has one."""
        for link in self.links:
            if found := parse_qs(urlsplit(link).query).get("token"):
                return found[0]
        return ""

    @property
    def strays(self) -> list[str]:
        """Links that lead elsewhere."""
        return [link for link in self.links if link.partition("?")[0] != HOME]


@dataclass
class Row:
    """A customer as the tables have her. password: which of the given ones her hash is of."""

    password: str
    sessions: int


class Shop:
    """Tables, clock and processes. Ada and Bob are customers; Mallory is not, and nobody has the address `stranger`."""

    def __init__(self, answer: Answer, bench: Bench) -> None:
        random = bench.random("reset")
        self.answer, self.folder = answer, bench.scratch()
        self.database = bench.database("empty")
        self.clock = VirtualClock()
        self.ada, self.bob = (f"{n}{random.randrange(1000, 9999)}@example.com" for n in ("ada", "bob"))
        self.stranger = f"eve{random.randrange(1000, 9999)}@example.com"
        self.ids = dict(zip((self.ada, self.bob), random.sample(range(10, 9999), 2), strict=True))
        rows = ";".join(
            f"INSERT INTO public.customers VALUES ({number}, '{email}', '{hashed(f'old {email}')}');"
            f"INSERT INTO public.sessions VALUES ('{email}-1', {number}), ('{email}-2', {number})"
            for email, number in self.ids.items()
        )
        self.tables = Tables(self.database, SCHEMA, rows)
        self.passwords = {f"old {email}" for email in self.ids}
        self.tokens: list[str] = []
        self._places = 0

    def place(self, url: str = "", journal: Journal | None = None, start: str = "__open__") -> Served:
        self._places += 1
        path = socket_in(self.folder, f"a{self._places}")
        clock = self.clock.serve(self.folder, f"p{self._places}")
        args = (url or self.database.url(), clock)
        return Served(self.answer, path, driver=DRIVER, start=start, args=args, journal=journal)

    def forgot(self, place: Served, email: Any, mails: int = 1, **more: Any) -> tuple[Exchange, list[Mail]]:
        """Asks for a link; the reply, and what was mailed because of it.

        mails: how many are tried to be sent after a success, by a right answer; they are waited for.
        """
        reply = place.ask("POST", "/forgot", json={"email": email}, **more)
        found = place.worker.call("__mails__", mails if reply.ok else 0).value or []
        mails_ = [Mail(tuple(m["to"]), m["text"]) for m in found]
        self.tokens += [m.token for m in mails_ if m.token]
        return reply, mails_

    def reset(self, place: Served, token: Any, password: str) -> Exchange:
        self.passwords.add(password)
        return place.ask("POST", "/reset", json={"token": token, "password": password})

    def customer(self, email: str) -> Row:
        number = self.ids[email]
        (stored,) = self.tables.rows("SELECT password_hash FROM public.customers WHERE id = %s", number)[0]
        count = self.tables.rows("SELECT count(*) FROM public.sessions WHERE customer_id = %s", number)[0][0]
        return Row(next((p for p in self.passwords if matches(p, str(stored))), "none of these"), int(count))

    def readable(self) -> str:
        """The table in which a token of a mail stands, as it is or merely encoded; "" if none does."""
        told = {spelling for token in self.tokens if len(token) > 5 for spelling in spellings(token)}
        kept = in_tables(self.database).items()
        return next((table for table, values in kept if any(t in v for t in told for v in values)), "")


def hashed(password: str, salt: str = "0123456789abcdef") -> str:
    """As the driver's `hash_password` makes it: quick, so that time goes to what is judged here."""
    digest = hashlib.sha256((salt + password).encode()).hexdigest()
    return f"$argon2id$v=19$m=65536,t=3,p=4${salt}${digest}"


def matches(password: str, stored: str) -> bool:
    parts = stored.split("$")
    return len(parts) == 6 and hashed(password, parts[4]) == stored
