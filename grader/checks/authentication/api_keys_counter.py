"""Where `api_keys` runs: the table with a crowd in it, two processes that make calls, and how each call ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from grader.checks.authentication.entropy import DRIVER as WORLD
from grader.checks.authentication.entropy import Twin
from grader.checks.authentication.hash_work import DRIVER as COUNTING
from grader.checks.concurrency import CONN, Part, Rehearsal, Scene
from grader.checks.exercise import NotAnswered, Ruling, fail, unknown
from grader.checks.running import Answer, Bench, Database, Reply, Resource
from grader.instruments.clock import VirtualClock
from grader.instruments.explore import Run
from grader.verdict import Evidence

SCHEMA = """
CREATE TABLE api_keys (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id   bigint NOT NULL,
    prefix     text NOT NULL UNIQUE,
    key_hash   text NOT NULL,
    scopes     text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    rotated_at timestamptz,
    revoked_at timestamptz
);
"""
CROWD = """
INSERT INTO public.api_keys (owner_id, prefix, key_hash, scopes, created_at)
SELECT n, 'shop_' || pg_catalog.left(pg_catalog.md5(n::text || %s), 20), pg_catalog.md5(n::text) || pg_catalog.md5(n::text),
       '{orders:read}', '2029-01-01 12:00+00'
  FROM pg_catalog.generate_series(1, 4000) n
"""
DRIVER = """
def __do__(conn, clock, calls):
    '''Makes each call [name, *arguments]; how it ended, as plain values: the pool's view of it.'''
    answers = []
    conn.close = lambda: None  # a pool's connection outlives `with conn:`
    for name, *args in calls:
        __work__["costs"] = []
        try:
            value = globals()[name](conn, *args, clock)
        except NotImplementedError:
            raise
        except Exception as error:
            own = type(error).__module__.split(".")[0] not in ("psycopg", "builtins", "argon2", "pwdlib", "binascii")
            more = repr(sorted((k, repr(v)) for k, v in vars(error).items()))
            answers.append(["raised", type(error).__name__, own or type(error) is ValueError, str(error), more])
        else:
            plain = isinstance(value, (int, str, type(None)))
            answers.append(["returned", value if plain else repr(value)])
        answers[-1].append(len(__work__["costs"]))
        if not conn.closed:
            conn.rollback()
            conn.autocommit = False
    return answers
"""


@dataclass(frozen=True)
class Said:
    """How a call ended. how: "returned" | "raised". typed: an exception of the shop's or the answer's own."""

    what: str
    how: str = ""
    value: Any = None
    type: str = ""
    typed: bool = False
    text: str = ""
    more: str = ""
    hashes: int = 0

    @property
    def refused(self) -> bool:
        return self.how == "raised" and self.typed

    @property
    def reply(self) -> tuple[str, str, str]:
        return (self.type, self.text, self.more)

    def line(self) -> str:
        if not self.how:
            return "did not come back"
        return (f"raised {self.type}: {self.text}" if self.how == "raised" else f"returned {self.value!r}")[
            :100
        ]


def said(what: str, row: list[Any]) -> Said:
    if row[0] == "returned":
        return Said(what, "returned", row[1], hashes=int(row[-1]))
    _, kind, typed, text, more, hashes = row
    return Said(what, "raised", None, kind, typed is True, text, more, int(hashes))


@dataclass
class Key:
    """A key that was made: its text, and its row as JSON."""

    text: str
    row: dict[str, Any]

    @property
    def prefix(self) -> str:
        return str(self.row.get("prefix", ""))

    @property
    def secret(self) -> str:
        """What follows the prefix."""
        start = self.text.find(self.prefix)
        return self.text[start + len(self.prefix) :] if start >= 0 else ""


@dataclass
class History:
    """calls: how each ended, by name of its series. keys: by name."""

    calls: dict[str, list[Said]] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    everything: str = ""  # all rows, as text
    statements: list[str] = field(default_factory=list)  # of one check
    scans: list[str] = field(default_factory=list)  # statements of it that read the whole table
    rewritten: bool = False
    twins: list[Twin] = field(default_factory=list)
    rotations: Scene | None = None
    hung: bool = False

    def table(self, name: str) -> Evidence:
        rows = [[c.what, c.line()] for c in self.calls.get(name, [])]
        return Evidence("table", "The calls", {"columns": ["call", "outcome"], "rows": rows})

    def first_other(self, name: str, *wanted: str | int, start: int = 0) -> Ruling:
        """FAIL at the first call of a series that did not end as wanted: an owner, "invalid" or "no scope".

        start: the number of the first that is looked at.
        """
        found = self.calls.get(name, [])[start:]
        if len(found) < len(wanted):
            return unknown("An earlier call did not end as it must, so this was not tried.")
        for one, want in zip(found, wanted, strict=False):
            if self.word(one) != want:
                expected = want if isinstance(want, int) else WORDS[want]
                return fail(f"{one.what}: {expected}", one.line(), evidence=[self.table(name)])
        return True

    def word(self, one: Said) -> str | int:
        if one.how == "returned":
            return one.value if type(one.value) is int else "?"
        if not one.refused:
            return "?"
        bad = self.calls["bad"][0] if self.calls.get("bad") else None
        return "invalid" if bad and one.type == bad.type else "no scope"


WORDS = {"invalid": "InvalidKey", "no scope": "MissingScope"}


class Counter:
    """The table, the clock, and two processes that use it."""

    def __init__(self, answer: Answer, bench: Bench) -> None:
        self.random = bench.random("keys")
        self.database: Database = bench.database("empty")
        self.database.connection("learner").execute(SCHEMA)
        self.admin = self.database.connection("admin")
        self.admin.execute(CROWD, [str(self.random.random())])
        self.admin.execute("ANALYZE public.api_keys")
        self.clock = VirtualClock()
        self.at = Resource("clock", self.clock.serve(bench.scratch(), "keys"), id="clock")
        self.history = History()
        self.rehearsal = Rehearsal(answer, bench, self.database, callers=2, driver=COUNTING + WORLD + DRIVER)

    def close(self) -> None:
        self.rehearsal.__exit__(None, None, None)
        self.clock.close()

    def part(self, *calls: list[Any]) -> Part:
        return Part("__do__", CONN, self.at, list(calls))

    def run(self, *calls: tuple[str, list[Any]]) -> list[Said]:
        """One process makes these calls, each with its description."""
        reply = self.rehearsal.rescue(self.part(*(c for _, c in calls)), timeout=20.0)
        if reply.error is not None and reply.error.kind == "not_answered":
            raise NotAnswered
        return self._read([what for what, _ in calls], reply)

    def elsewhere(self, *calls: tuple[str, list[Any]]) -> tuple[list[Said], Run]:
        """Another process makes them; its statements are seen."""
        run = self.rehearsal.alone(self.part(*(c for _, c in calls)), reset=lambda: None)
        reply = run.replies[0] if run.finished else None
        return self._read([what for what, _ in calls], reply), run

    def _read(self, whats: list[str], reply: Reply | None) -> list[Said]:
        rows = reply.value if reply is not None and reply.ok and isinstance(reply.value, list) else None
        self.history.hung = self.history.hung or rows is None
        return [said(w, r) for w, r in zip(whats, rows, strict=True)] if rows is not None else []

    def keep(self, name: str, *calls: tuple[str, list[Any]]) -> list[Said]:
        found = self.run(*calls)
        self.history.calls.setdefault(name, []).extend(found)
        return found

    def rows(self) -> list[dict[str, Any]]:
        """Those of the answer's making."""
        found = self.admin.execute(
            "SELECT pg_catalog.row_to_json(k)::text FROM public.api_keys k WHERE owner_id > 4000 ORDER BY id"
        ).fetchall()
        return [json.loads(text) for (text,) in found]

    def learn(self, name: str, one: Said) -> Key | None:
        """Remembers the key that a call gave, with the row that is its."""
        if not isinstance(one.value, str):
            return None
        known = {key.row["id"] for key in self.history.keys.values() if key.row}
        mine = [row for row in self.rows() if row["id"] not in known]
        key = Key(one.value, next((r for r in mine if r["prefix"] and r["prefix"] in one.value), {}))
        self.history.keys[name] = key
        return key

    def make(self, name: str, owner: int, scopes: list[str]) -> Key | None:
        (one,) = self.keep(
            "made", (f"create_key for {owner} with {scopes}", ["create_key", owner, scopes])
        ) or [Said("create_key")]
        return self.learn(name, one)
