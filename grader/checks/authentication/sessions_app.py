"""Where `sessions` runs: two accounts, processes with the app, and browsers that keep its cookie."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import redis

from grader.checks.authentication.kept import readable
from grader.checks.authentication.served import Served
from grader.checks.holdings import empty_tables, in_redis, in_tables
from grader.checks.running import Answer, Bench, Resource
from grader.instruments.callers import Exchange
from grader.instruments.clock import VirtualClock
from grader.instruments.explore import Stage
from grader.instruments.resp import RespProxy
from grader.instruments.serve import socket_in
from grader.instruments.steps import Journal

NAME = "__Host-session"
SCHEMA = """
CREATE TABLE sessions (
    token_hash text PRIMARY KEY,
    account_id bigint NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL
);
"""
DRIVER = """
_accounts = {}


def __check_password__(email, password):
    found = _accounts.get((str(email).lower(), password))
    return found


def __open__(listener, url, redis, clock, accounts):
    from grader.instruments.answer_clock import connect

    _accounts.update({(email, password): id for email, password, id in accounts})
    return __serve__(listener, "sessions", url, redis, __check_password__, connect(clock))
"""


@dataclass(frozen=True)
class Cookie:
    """One Set-Cookie. flags: attributes in lower case, "" for those without a value."""

    value: str
    flags: dict[str, str] = field(default_factory=dict)
    text: str = ""

    @property
    def removes(self) -> bool:
        """Whether a browser drops the cookie on receiving this."""
        age = self.flags.get("max-age", "")
        if age:
            return age.startswith("-") or age == "0"
        return "1970" in self.flags.get("expires", "") or not self.value.strip('"')


def cookie_of(exchange: Exchange) -> Cookie | None:
    """The session's cookie, if the reply sets one; the last counts."""
    found = None
    for text in exchange.cookies:
        pair, *attributes = text.split(";")
        name, _, value = pair.strip().partition("=")
        if name == NAME:
            flags = {k.strip().lower(): v.strip() for k, _, v in (a.partition("=") for a in attributes)}
            found = Cookie(value, flags, text)
    return found


class Venue:
    """Postgres, Redis and the clock of one check, and the processes that run the app on them."""

    def __init__(self, answer: Answer, bench: Bench) -> None:
        random = bench.random("sessions")
        self.answer, self.folder = answer, bench.scratch()
        self.database = bench.database("empty")
        self.database.connection("learner").execute(SCHEMA)
        self.clock, self.journal = VirtualClock(), Journal()
        url = bench.redis_url()
        self.proxy = RespProxy(url, self.folder, journal=self.journal, clock=self.clock)
        self.cache: Any = redis.Redis.from_url(url)
        ids = random.sample(range(100, 10_000), 2)
        self.accounts = [
            [f"{name}{random.randrange(1000)}@shop.example", f"the secret of {name}", id]
            for name, id in zip(("ada", "bob"), ids, strict=True)
        ]
        self._places = 0

    def place(self, caller: str = "", stage: Stage | None = None) -> Served:
        """A process of its own, of a stage's `caller` if given."""
        self._places += 1
        url = self.database.url() if stage is None else stage.url(int(caller[1:]))
        caller = caller or f"p{self._places}"
        path = socket_in(self.folder, f"a{self._places}")
        clock = self.clock.serve(self.folder, f"c{self._places}")
        client = Resource("redis", self.proxy.url(caller))
        args = (url, client, clock, self.accounts)
        journal = self.journal if stage else None
        return Served(self.answer, path, driver=DRIVER, start="__open__", args=args, journal=journal)

    def forget(self) -> None:
        """Nobody is logged in."""
        empty_tables(self.database)
        self.cache.flushdb()

    def readable(self, token: str) -> str:
        """Where the token stands, as it is or merely encoded; "" if nowhere."""
        return readable(token, {"Redis": in_redis(self.cache), **in_tables(self.database)})

    def close(self) -> None:
        self.journal.let_go()
        self.proxy.close()
        self.clock.close()
        self.cache.close()


def login(place: Served, account: list[Any], headers: dict[str, bytes] | None = None) -> Exchange:
    email, password, _ = account
    return place.ask("POST", "/login", json={"email": email, "password": password}, headers=headers or {})


def jar(cookie: str) -> dict[str, bytes]:
    """The header that a browser sends; beyond ASCII in UTF-8, as browsers do."""
    return {"Cookie": f"{NAME}={cookie}".encode()} if cookie else {}
