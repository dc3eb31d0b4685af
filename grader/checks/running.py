"""What a driver may do with an answer: the interfaces, without the machinery.

A check module talks to the learner's code only through these. `grader.judge` implements them: a warm parent
forks one worker process a spawn, or a sandbox does; a check cannot tell and must not care.

Everything that crosses is JSON. Values are encoded with their exact type (`Decimal`, `datetime`, `date`,
`UUID`, `bytes`, `tuple`, `set`); anything else a worker returns arrives as `Opaque(type_name, text)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

ErrorKind = Literal["database", "redis", "http", "domain", "builtin", "not_answered"]


@dataclass(frozen=True)
class Resource:
    """A live object the worker makes on its own side and hands to the answer as an argument.

    kind            made from                                   settings
    "connection"    psycopg.connect(url)                        autocommit: bool = False
    "async_connection"  psycopg.AsyncConnection.connect(url)    autocommit: bool = False
    "engine"        sqlalchemy.create_engine(url)               keyword arguments of create_engine
    "redis"         redis.Redis.from_url(url), no timeouts      decode_responses: bool = False
    "async_redis"   redis.asyncio.Redis.from_url(url)           decode_responses: bool = False
    "callback"      a function that asks the judge              url names the handler given to `spawn`
    "async_callback"  the same as a coroutine function
    "clock"         an `AnswerClock` (grader.instruments.answer_clock)  url prefixes its handlers: "clock.now", ...
    "listener"      a socket that listens at the path `url`, for `serve.start`: answers may create no files
    "name"          the object bound to `url` in the answer's namespace (or in the driver source)

    A resource with the same `id` is made once a worker and reused by later calls.
    """

    kind: str
    url: str
    id: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Opaque:
    """A returned value the judge does not decode: only its type's name and a truncated repr."""

    type: str
    text: str


@dataclass(frozen=True)
class Error:
    """An exception that left the answer.

    kind: "database" for psycopg and SQLAlchemy errors (sqlstate set), "redis", "http" (httpx, provider),
    "domain" for a class the answer or `grader.shop.errors` defined, "builtin" for Python's own,
    "not_answered" for the stub's NotImplementedError.
    type: class name, only for known classes; a learner's own class is reported as "domain error".
    """

    kind: ErrorKind
    type: str
    message: str = ""
    sqlstate: str = ""
    line: int = 0  # line in the answer's source, 0 if unknown


@dataclass(frozen=True)
class Reply:
    """What one call did: exactly one of `value`, `error`, `ended` counts."""

    value: Any = None
    error: Error | None = None
    ended: Literal["", "timeout", "died", "memory"] = ""  # the worker did not answer
    output: str = ""  # stdout and stderr of the call, truncated to 10,000 characters
    connections: Mapping[str, str] = field(default_factory=dict)
    # resource id -> "idle" | "in_transaction" | "in_error" | "closed", as libpq reports it after the call

    @property
    def ok(self) -> bool:
        return self.error is None and not self.ended


class Call(Protocol):
    """A call under way."""

    def fileno(self) -> int:
        """Readable when its worker has something to say (its reply, or a callback `done` will serve)."""
        ...

    def done(self) -> bool: ...

    def result(self, timeout: float = 10.0) -> Reply:
        """Waits at most `timeout` seconds (a safety net, never a judgement), then kills the worker."""
        ...


class Worker(Protocol):
    """One process that has run the answer's source and now answers calls, one at a time."""

    pid: int

    def start(self, name: str, *args: Any, **kwargs: Any) -> Call:
        """Begins `name(*args, **kwargs)`; arguments may be values or `Resource`s. Coroutines are awaited."""
        ...

    def call(self, name: str, *args: Any, timeout: float = 10.0, **kwargs: Any) -> Reply: ...

    def value(self, name: str) -> Reply:
        """The value bound to `name`."""
        ...

    def kill(self) -> None:
        """SIGKILL: the crash every system must survive. Idempotent."""
        ...


class Answer(Protocol):
    """The learner's source for one exercise."""

    source: str
    exercise: str

    @property
    def sql(self) -> str:
        """The text of an SQL answer; raises NotAnswered if blank, Rejected if it binds no string."""
        ...

    def spawn(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        driver: str = "",
        callbacks: Mapping[str, Callable[..., Any]] | None = None,
        start_timeout: float = 10.0,
    ) -> Worker:
        """A new worker that has executed context and source (and `driver`, the judge's own helper source).

        Raises NotAnswered for the untouched stub and Rejected, with the line, for source that does not run.
        All workers of an answer die when the check ends.
        """
        ...

    def helper(self, driver: str) -> Worker:
        """A worker that has executed `driver`, the judge's own source, and nothing of the answer.

        For text of the answer that some engine runs in-process (SQL for DuckDB): it is shut in as the answer is.
        """
        ...


class Database(Protocol):
    """A throw-away database, cloned from `template` for this check and dropped after it."""

    name: str
    template: str

    def url(self, role: Literal["learner", "judge", "admin"] = "learner") -> str:
        """postgresql:// URL over the unix socket (or TCP). The learner's role owns every object."""
        ...

    def connection(self, role: Literal["judge", "admin", "learner"] = "judge") -> Any:
        """The judge's own autocommit psycopg connection in that role, for instruments; do not close it."""
        ...

    def query(
        self, sql: Any, *params: Any, role: Literal["judge", "admin", "learner"] = "judge"
    ) -> list[tuple[Any, ...]]:
        """Runs one statement (str or psycopg.sql) in a transaction; search_path is pg_catalog: qualify names."""
        ...

    def execute(self, sql: Any, *params: Any, role: Literal["admin", "learner"] = "learner") -> None: ...


class Bench(Protocol):
    """The place where an answer is driven: fresh services, private parameters."""

    seed: int
    schedule: str | None  # replay only this schedule (exercises that explore schedules)

    @property
    def postgres(self) -> Any:
        """The `services.PostgresServer` the check's databases live on, for instruments that need its socket."""
        ...

    @property
    def private(self) -> bool:
        """Whether that server is this check's alone; otherwise others' sessions are to be seen on it."""
        ...

    def random(self, name: str = "") -> Any:
        """A random.Random derived from the course seed, the exercise and `name`: private parameters."""
        ...

    def database(self, template: str = "shop_small") -> Database:
        """A fresh clone: "shop_small" (10 thousand orders), "shop_medium" (100 thousand), "empty"."""
        ...

    def redis_url(self) -> str:
        """An empty Redis-protocol database of the check's own, as redis://, rediss:// or unix:// URL."""
        ...

    def scratch(self) -> Any:
        """A pathlib.Path of a folder that is removed after the check."""
        ...
