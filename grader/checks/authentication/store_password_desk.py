"""Where `store_password` and `login` are called, and how it went: accounts, costs, and a change in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.checks.authentication.hash_work import DRIVER
from grader.checks.authentication.stored_hashes import shortened
from grader.checks.concurrency import blame
from grader.checks.running import Answer, Bench, Reply, Resource, Worker
from grader.verdict import Evidence

SCHEMA = "CREATE TABLE credentials (email text PRIMARY KEY, password_hash text NOT NULL)"
PATIENCE = 10.0  # seconds of one call, a safety net
PASSWORD, CHANGED = "correct horse battery", "a newer password"
ACCENTED = "crème brûlée"  # composed, as keyboards send it
NO_HASHES = ("*", "", "locked", "sha256$x")

BETWEEN = """
def __change_between__(url, name, conn, email, password, newer):
    import psycopg
    def change():
        with psycopg.connect(url, autocommit=True) as other:
            other.execute("set lock_timeout = '100ms'")
            try:
                other.execute("update public.credentials set password_hash = %s where email = %s", [newer, email])
            except psycopg.errors.LockNotAvailable:
                return "locked"
            return "changed"
    __work__["told"], __work__["between"] = "", change
    try:
        globals()[name](conn, email, password)
    finally:
        if not conn.closed and conn.info.transaction_status.name != "IDLE":
            conn.rollback()
        __work__["between"] = None
    return __work__["told"]
def __told__():
    return __work__["told"]
"""


@dataclass
class Call:
    """One call: what it was, how it ended, what the row held before and after."""

    what: str
    reply: Reply
    before: str | None
    after: str | None
    version_kept: bool = True  # the row was not even rewritten with the same text

    @property
    def answer(self) -> Any:
        value = self.reply.value
        return value[0] if self.reply.ok and isinstance(value, list) else None

    @property
    def work(self) -> tuple[int, int]:
        """New hashes, comparisons."""
        value = self.reply.value
        return (int(value[1]), int(value[2])) if self.reply.ok and isinstance(value, list) else (0, 0)

    @property
    def left_open(self) -> bool:
        value = self.reply.value
        return self.reply.ok and isinstance(value, list) and value[3] == "open"

    def said(self) -> str:
        return f"answered {self.answer!r}" if self.reply.ok else f"the call {blame(self.reply)}"


@dataclass
class Race:
    """A password changed while a login upgraded its hash.

    told: "changed" | "locked", whether it could be; None if no new hash was computed. raced: what the row held in
    the end. newer: the hash it was changed to.
    """

    newer: str
    told: str | None = None
    raced: str = ""


@dataclass
class History:
    calls: dict[str, Call] = field(default_factory=dict)
    opens: bool = False  # the judge could verify the first stored hash with the password
    races: dict[str, Race] = field(default_factory=dict)  # by what was upgraded

    def table(self, *names: str) -> Evidence:
        rows = [
            [c.what, c.said(), sum(c.work), shortened(c.after)]
            for name, c in self.calls.items()
            if not names or name in names
        ]
        columns = ["call", "outcome", "Argon2 computed", "stored afterwards"]
        return Evidence("table", "The calls", {"columns": columns, "rows": rows})


class Desk:
    """Calls the answer and looks at the row before and after."""

    def __init__(self, answer: Answer, bench: Bench) -> None:
        self.answer = answer
        self.database = bench.database("empty")
        self.database.connection("learner").execute(SCHEMA)
        self.url = self.database.url()
        self.worker: Worker | None = None
        self.history = History()

    def row(self, email: str) -> tuple[str, str] | None:
        found = self.database.query(
            "SELECT password_hash, ctid::pg_catalog.text FROM public.credentials WHERE email = %s",
            email,
            role="admin",
        )
        return (str(found[0][0]), str(found[0][1])) if found else None

    def put(self, email: str, stored: str) -> None:
        self.database.execute("INSERT INTO public.credentials VALUES (%s, %s)", email, stored, role="admin")

    def spawn(self) -> Worker:
        self.worker = self.answer.spawn(driver=DRIVER + BETWEEN)
        return self.worker

    def spare(self, spare: bool) -> None:
        """Whether dear computations are only counted from now on, see `hash_work`."""
        (self.worker or self.spawn()).call("__spare__", spare)

    def call(self, key: str, what: str, name: str, email: str, password: str) -> Call:
        worker = self.worker or self.spawn()
        before = self.row(email)
        connection = Resource("connection", self.url, id="conn")
        reply = worker.call("__worked__", name, connection, email, password, timeout=PATIENCE)
        if reply.ended:
            worker.kill()
            self.worker = None
        after = self.row(email)
        call = Call(what, reply, before and before[0], after and after[0], before == after)
        self.history.calls[key] = call
        return call

    def race(self, what: str, email: str, password: str, newer: str) -> None:
        """Verifies `password`, which is to be upgraded, and makes `newer` the hash meanwhile."""
        worker = self.worker or self.spawn()
        connection = Resource("connection", self.url, id="conn")
        args = (self.url, "verify_password", connection, email, password, newer)
        reply = worker.call("__change_between__", *args, timeout=PATIENCE)
        told = reply.value if reply.ok else None
        if reply.error is not None:
            told = worker.call("__told__").value
        if reply.ended:
            worker.kill()
            self.worker = None
        raced = (self.row(email) or ("",))[0]
        self.history.races[what] = Race(newer, told if isinstance(told, str) else None, raced)
