"""Where `login` runs: the accounts, the servers and the callers, and how their attempts were answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import argon2

from grader.checks.authentication.attempts import DRIVER, Attempt, People, Told, told
from grader.checks.authentication.hash_work import DRIVER as COUNTING
from grader.checks.concurrency import CONN, Part, Scene, covered
from grader.checks.concurrency.joined import Together
from grader.checks.exercise import NotAnswered, Ruling, fail, unknown
from grader.checks.holdings import in_redis, in_tables, tables
from grader.checks.running import Answer, Bench, Resource
from grader.checks.tables import Tables
from grader.instruments.saved_keys import SavedKeys
from grader.verdict import Evidence

SCHEMA = """
CREATE TABLE accounts (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, password_hash text NOT NULL)
"""
LIMIT, ADDRESS_LIMIT = 5, 20  # failures
WINDOW = 15 * 60  # seconds
COST = "m=1024,t=1,p=1"
SLACK = 5  # seconds by which a retry_after may be off
AT_A_TIME = (
    5  # attempts a process is asked for at a time, so that dear ones on a busy machine do not count as hung
)


@dataclass
class History:
    """series: how attempts were answered, in order, by name of the series. ids: of those who may come in."""

    series: dict[str, list[Told]] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)  # where a password was found
    compared: bool = False  # the same attempts were made with two passwords
    depends: str = ""  # what was another after those
    races: list[Scene] = field(default_factory=list)
    crash: Scene | None = None
    unrelated: Scene | None = None
    hung: str = ""  # how a series ended that did not come back

    @property
    def scenes(self) -> list[Scene]:
        return [s for s in (*self.races, self.crash, self.unrelated) if s]

    @property
    def coverage(self) -> str:
        attempts = f"{sum(map(len, self.series.values()))} attempts one after the other"
        return "; ".join(part for part in (attempts, covered(*self.scenes)) if part)

    def let_in(self, one: Told) -> bool:
        return type(one.value) is int and one.value == self.ids.get(one.attempt.email.lower())

    def denied(self, one: Told) -> bool:
        """Answered as a wrong password is, so it was compared."""
        return one.refused and one.type == self.series["plain"][WRONG].type

    def throttled(self, one: Told) -> bool:
        return one.refused and not self.denied(one)

    def word(self, one: Told) -> str:
        """ "in", "denied", "throttled" or "?"."""
        for name, is_so in (("in", self.let_in), ("denied", self.denied), ("throttled", self.throttled)):
            if is_so(one):
                return name
        return "?"

    def table(self, *names: str) -> Evidence:
        rows = []
        for name in names:
            for one in self.series.get(name, []):
                rows.append([one.attempt.what, one.attempt.ip, one.said(), len(one.costs)])
        columns = ["attempt", "from", "outcome", "Argon2 computed"]
        return Evidence("table", "The attempts", {"columns": columns, "rows": rows})

    def follows(self, name: str, *wanted: tuple[int, str], why: dict[str, str] | None = None) -> Ruling:
        """Whether a series was answered as wanted: so many "denied", then so many "throttled", ..."""
        found = self.series.get(name, [])
        words = [word for count, word in wanted for _ in range(count)]
        if len(found) < len(words):
            return unknown("A call did not come back, so this was not tried.")
        for number, (one, word) in enumerate(zip(found, words, strict=False), 1):
            if self.word(one) != word:
                return fail(
                    f"attempt {number} ({one.attempt.what}): {EXPECTED[word]}",
                    one.said(),
                    (why or {}).get(f"{word} {self.word(one)}", ""),
                    [self.table(name)],
                )
        return True


EXPECTED = {
    "in": "the id of the account",
    "denied": "InvalidCredentials",
    "throttled": "TooManyAttempts, and the password is not looked at",
}
RIGHT, CAPITALS, WRONG, STRANGER, CLOSED, EMPTY = range(6)  # of the series "plain"


class Street:
    """Everything one check needs: the accounts, the servers, and the callers."""

    def __init__(self, answer: Answer, bench: Bench) -> None:
        random = bench.random("login")
        self.database = bench.database("empty")
        self.people = People(random)
        number = random.randrange(100, 999)
        self.history = History(ids={self.people.ada: number, self.people.bob: number + 1})
        cheap = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
        hashes = {email: cheap.hash(self.people.password(email)) for email in self.history.ids}
        rows = [
            f"INSERT INTO public.accounts VALUES ({id}, '{email}', '{stored}')"
            for id, (email, stored) in enumerate([*hashes.items(), (self.people.closed, "!")], number)
        ]
        self.tables = Tables(self.database, SCHEMA, ";".join(rows))
        self.together = Together(answer, bench, self.database, driver=COUNTING + DRIVER)
        path = self.together.clock.serve(bench.scratch(), "login")
        self.clock = Resource("clock", path, id="clock")
        self.rehearsal, self.cache = self.together.rehearsal, self.together.cache
        self.outputs: list[str] = []
        self.spare = False  # dear computations have been seen: no more of them

    def part(self, *attempts: Attempt, chance: int | None = None) -> Part:
        given = [[a.email, a.password, a.ip] for a in attempts]
        return Part("__knock__", CONN, self.together.redis, self.clock, given, self.spare, chance)

    def try_all(self, *attempts: Attempt, chance: int | None = None) -> list[Told]:
        """One process makes these attempts, one after the other; those that were answered.

        chance: all randomness that the process draws meanwhile is that of this number.
        """
        found: list[Told] = []
        for first in range(0, len(attempts), AT_A_TIME):
            some = attempts[first : first + AT_A_TIME]
            reply = self.rehearsal.rescue(self.part(*some, chance=chance), timeout=20.0)
            if reply.error is not None and reply.error.kind == "not_answered":
                raise NotAnswered
            self.outputs.append(reply.output)
            found += told(some, reply)
            if not reply.ok:
                self.history.hung = reply.ended or (reply.error.type if reply.error else "?")
                break
        return found

    def keep(self, name: str, *attempts: Attempt) -> list[Told]:
        found = self.try_all(*attempts)
        self.history.series.setdefault(name, []).extend(found)
        return found

    def forget(self) -> None:
        """Nobody has failed yet: an empty Redis, and the rows the accounts began with and no others."""
        self.together.start_over(self.tables)()

    def as_now(self) -> Callable[[], None]:
        """A reset: brings Redis and all tables, the answer's own too, back to what they hold now."""
        rows = self.rehearsal.keep(tables(self.database))
        return self.together.start_over(rows, keys=SavedKeys(self.cache))

    def set_hash(self, email: str, stored: str) -> None:
        self.tables.write("UPDATE public.accounts SET password_hash = %s WHERE email = %s", stored, email)

    def holdings(self) -> dict[str, list[str]]:
        """What is kept, by where it is, as single values."""
        return {"what Redis holds": in_redis(self.cache), "what the tables hold": self._values()}

    def look_for_passwords(self) -> None:
        traces = self.people.traces()
        for where, texts in {
            "Redis": in_redis(self.cache),
            "a table": self._values(),
            "what the call printed": self.outputs,
        }.items():
            text = "\n".join(texts)
            if any(trace in text for trace in traces):
                self.history.leaks.append(where)

    def _values(self) -> list[str]:
        return [value for values in in_tables(self.database).values() for value in values]
