"""A lesson's own Redis server, and both wires counted: what a call asks of Postgres and of Redis.

    wires = Wires(db)                          # db: a Scratch
    with wires.counted() as count:
        page(wires.conn, wires.redis, 7)
    count.statements, count.commands           # ['SELECT ...'], ['GET page:7', 'SET page:7 ... EX 60']

Time is a virtual clock's: lifetimes in Redis follow `wires.clock`, and nobody waits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grader.notebook.scratch import Scratch

if TYPE_CHECKING:
    import psycopg
    import redis

    from grader.instruments.steps import Step

_ENDINGS = ("BEGIN", "COMMIT", "ROLLBACK", "SET ")


@dataclass
class Counted:
    """What was asked, in order, once the block is over; statements that only begin or end a transaction left out."""

    statements: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def read(self, steps: Sequence[Step]) -> None:
        said = [s.text for s in steps if s.lane == "Postgres"]
        self.statements = [text for text in said if not text.upper().startswith(_ENDINGS)]
        self.commands = [s.text for s in steps if s.lane == "Redis"]


class Wires:
    """See the module. conn: an autocommit connection; redis: a client that does not retry; url: the server itself."""

    def __init__(self, scratch: Scratch) -> None:
        from grader.instruments.clock import VirtualClock
        from grader.instruments.pgsteps import PostgresSteps
        from grader.instruments.resp import RespProxy
        from grader.instruments.steps import Journal
        from grader.services import throwaway_redis

        self._stack = ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="wires"))
        self.url = self._stack.enter_context(throwaway_redis()).url
        self.journal = Journal()
        self.clock = VirtualClock()
        self._stack.callback(self.clock.close)
        self.proxy = self._stack.enter_context(
            RespProxy(self.url, folder, journal=self.journal, clock=self.clock)
        )
        self.postgres = self._stack.enter_context(PostgresSteps(scratch.url(), folder, journal=self.journal))
        self.conn: psycopg.Connection[Any] = self._connect()
        self._stack.callback(self.conn.close)
        self.redis = self.client("app")

    def client(self, name: str, **settings: Any) -> redis.Redis:
        """A further process's client; texts come back as str. settings: as redis.Redis takes them."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        client: redis.Redis = redis.Redis.from_url(
            self.proxy.url(name), decode_responses=True, retry=Retry(NoBackoff(), 0), **settings
        )
        self._stack.callback(client.close)
        return client

    @contextmanager
    def counted(self) -> Iterator[Counted]:
        """Counts what goes over both wires inside the block."""
        with self.journal.changed:
            self.journal.clear()
            self.postgres.clear()
        count = Counted()
        try:
            yield count
        finally:
            count.read(self.journal.steps)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Redis refuses connections inside the block."""
        self.proxy.down()
        try:
            yield
        finally:
            self.proxy.up()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Redis takes commands inside the block and answers none: only for clients with a timeout."""
        self.journal.hold(lambda step: step.lane == "Redis")
        try:
            yield
        finally:
            self.journal.let_go()

    def empty(self) -> None:
        """Every key is gone."""
        self.proxy.upstream.control.flushdb()

    def keys(self) -> dict[str, float | None]:
        """Every key and the seconds it has left; None for one that stays for ever."""
        names = sorted(k.decode() for k in self.proxy.upstream.control.scan_iter(count=1000))
        return {name: self.proxy.ttl(name) for name in names}

    def close(self) -> None:
        """Ends the server, and everything that was connected to it."""
        self.journal.let_go()
        self._stack.close()

    def _connect(self) -> psycopg.Connection[Any]:
        import psycopg

        return psycopg.connect(self.postgres.url(), autocommit=True, prepare_threshold=None)
