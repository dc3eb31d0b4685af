"""The scenes of `who_blocks_whom`: two pile-ups on a server where nobody else is, and a calm one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from grader import services
from grader.checks.exercise import InfrastructureFault
from grader.checks.running import Bench, Reply, Resource
from grader.instruments.sessions import LiveSessions, Result, Waiting
from grader.verdict import Evidence

TABLE = "CREATE TABLE seats (id int PRIMARY KEY, taken_by text); INSERT INTO seats SELECT g FROM generate_series(1, 9) g"
LATE = 0.5  # seconds by which the end of one session may show after that of another
SAFETY_NET = 2.0  # seconds given to a session that was told to end; most take a millisecond
FOREVER = "SELECT pg_sleep(600)"
WORDS = {
    "report": "the report that nobody waits for",
    "editor": "a transaction that is open, older than all others, and in nobody's way",
    "root": "the session everybody waits for in the end",
    "second": "the second in the pile, which waits itself",
    "third": "the third in the pile",
    "fourth": "another one that waits",
}


@dataclass
class Pile:
    """One pile-up and what the call did to it. pids: by session. ended: sessions that were ended, or whose statement
    was cancelled. freed: whether all who waited could go on."""

    what: str
    pids: dict[str, int]
    reply: Reply
    ended: list[str] = field(default_factory=list)
    freed: bool = False
    picture: dict[str, Any] = field(default_factory=dict)

    @property
    def evidence(self) -> list[Evidence]:
        return [Evidence("table", "The sessions", self.picture)]


@dataclass
class History:
    piles: list[Pile] = field(default_factory=list)
    calm: Pile | None = None


@dataclass(frozen=True)
class Ground:
    """Addresses of a database on a server where nobody else is to be seen."""

    learner: str
    admin: str


@contextlib.contextmanager
def quiet_server(bench: Bench) -> Iterator[Ground]:
    """Other checks' sessions wait for each other too: on a shared server the answer would see them, and end them."""
    if not bench.private:
        try:
            with services.throwaway_postgres() as server:
                with psycopg.connect(server.url(), autocommit=True) as admin:
                    admin.execute("CREATE DATABASE pile OWNER learner")
                yield Ground(server.url("pile", "learner"), server.url("pile", "admin"))
            return
        except services.ServiceError:
            pass  # no server programs here: the one there is has to do
    database = bench.database("empty")
    yield Ground(database.url("learner"), database.url("admin"))


def drive(worker: Any, database: Ground, history: History) -> None:
    with psycopg.connect(database.learner, autocommit=True) as connection:
        connection.execute(TABLE)
    for what, order in (
        ("the root connected first", ("root", "second", "third", "fourth")),
        ("the root connected last", ("fourth", "third", "second", "root")),
    ):
        history.piles.append(_pile_up(worker, database, what, order))
        if "root" not in history.piles[-1].ended:
            return
    history.calm = _calm(worker, database)


def _call(worker: Any, database: Ground) -> Reply:
    reply: Reply = worker.call("who_blocks_whom", Resource("connection", database.learner, id="conn"))
    return reply


def _pile_up(worker: Any, database: Ground, what: str, order: tuple[str, ...]) -> Pile:
    room = LiveSessions(database.learner, database.admin)
    try:
        for name in ("editor", "report", *order):
            room[name].execute("SELECT 1")
        _run(room, "editor", "BEGIN; UPDATE seats SET taken_by = 'editor' WHERE id = 9", waits=False)
        room["report"].execute(FOREVER, patience=0.0)
        _run(room, "root", "BEGIN; UPDATE seats SET taken_by = 'root' WHERE id = 1", waits=False)
        _run(room, "second", "BEGIN; UPDATE seats SET taken_by = 'second' WHERE id = 2", waits=False)
        _run(room, "second", "UPDATE seats SET taken_by = 'second' WHERE id = 4", waits=False)
        _run(room, "second", "UPDATE seats SET taken_by = 'second' WHERE id = 1", waits=True)
        _run(room, "third", "BEGIN; UPDATE seats SET taken_by = 'third' WHERE id = 3", waits=False)
        _run(room, "third", "UPDATE seats SET taken_by = 'third' WHERE id = 2", waits=True)
        _run(room, "fourth", "BEGIN; UPDATE seats SET taken_by = 'fourth' WHERE id = 4", waits=True)
        room["root"].execute(FOREVER, patience=0.0)
        pids = {s.name: s.pid for s in room}
        picture = _picture(room)
        reply = _call(worker, database)
        pile = Pile(what, pids, reply, picture=picture)
        _follow(room, pile)
        return pile
    finally:
        for session in room:
            if session.waiting:
                session.cancel()
        room.close()


def _run(room: LiveSessions, name: str, sql: str, *, waits: bool) -> None:
    got = room[name].execute(sql)
    if isinstance(got, Waiting) != waits or (isinstance(got, Result) and got.error):
        raise InfrastructureFault(f"the pile-up could not be built: {name} said {got}")


def _picture(room: LiveSessions) -> dict[str, Any]:
    names = {s.pid: s.name for s in room}
    rows = []
    for session in room:
        waits_for = [names.get(b.pid, str(b.pid)) for b in room.blockers(session.pid)]
        rows.append([session.name, session.pid, WORDS[session.name], ", ".join(waits_for) or "nobody"])
    return {"columns": ["session", "pid", "what it is", "waits for"], "rows": rows}


def _first_end(room: LiveSessions) -> dict[str, Result]:
    """What statements under way have come to, up to the first that was ended by somebody."""
    deadline = time.monotonic() + SAFETY_NET
    found: dict[str, Result] = {}
    while time.monotonic() < deadline and not any(result.error for result in found.values()):
        for name in ("root", "report", "second", "third", "fourth"):
            got = room[name].poll(patience=0.01) if room[name].waiting else None
            if isinstance(got, Result):
                found[name] = got
    if "root" not in found and isinstance(got := room["root"].poll(patience=LATE), Result):
        found["root"] = got  # ended before somebody else was, and its server process only now comes to it
    return found


def _follow(room: LiveSessions, pile: Pile) -> None:
    """Sees who was ended. The first end of anybody settles it, but for those the end lets go on."""
    found = _first_end(room)
    for name, next_name in (("second", "third"), ("third", "fourth"), ("fourth", "")):
        if name not in found and room[name].waiting and "root" in found:
            got = room[name].poll(patience=SAFETY_NET)
            if isinstance(got, Result):
                found[name] = got
        if name in found and not found[name].error and next_name:
            room[name].execute("COMMIT")
    pile.ended = [name for name, result in found.items() if result.error]
    for idle in ("editor", "second", "third"):
        if idle not in pile.ended and not room[idle].waiting:
            got = room[idle].execute("SELECT 1")
            if isinstance(got, Result) and got.error and got.transaction == "closed":
                pile.ended.append(idle)
    if room["report"].waiting:
        got = room["report"].poll()
        if isinstance(got, Result) and got.error:
            pile.ended.append("report")
    pile.freed = all(name in found and not found[name].error for name in ("second", "third", "fourth"))


def _calm(worker: Any, database: Ground) -> Pile:
    """Two sessions at work that do not wait for anybody."""
    room = LiveSessions(database.learner, database.admin)
    try:
        _run(room, "editor", "BEGIN; UPDATE seats SET taken_by = 'editor' WHERE id = 9", waits=False)
        room["report"].execute(FOREVER, patience=0.0)
        pids = {s.name: s.pid for s in room}
        pile = Pile("nobody waits", pids, _call(worker, database), picture=_picture(room))
        got = room["editor"].execute("SELECT 1")
        if isinstance(got, Result) and got.error:
            pile.ended.append("editor")
        report = room["report"].poll(patience=0.05)
        if isinstance(report, Result) and report.error:
            pile.ended.append("report")
        return pile
    finally:
        room["report"].cancel()
        room.close()
