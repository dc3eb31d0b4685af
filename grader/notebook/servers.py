"""The notebook's own connections: to the learner's `shop` database and the Redis-protocol server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg
    import redis as redis_package

    from grader.services import Services

SHOP = "shop"  # the learner's own database, a million orders
SMALL = "shop_small"  # the learner's own as well, for exercises that compare plans; ten thousand orders

_furnished: set[str] = set()  # servers whose shop is known to be complete


class ServersUnavailable(Exception):
    """The services cannot be started or reached; the message says what to do."""


def ensure() -> Services:
    """The running services, started or restarted if need be; what was done is printed.

    Raises ServersUnavailable with one sentence.
    """
    from grader import services

    try:
        killed = [c.name for c in services.status() if c.state == "killed"]
        running = services.up(progress=_say)
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ServersUnavailable(f"{first} (`grader doctor` says what is wrong and what to do.)") from None
    if killed:
        _say(f"Restarted after having been killed: {', '.join(killed)}. What was committed is there.")
    return running


def _say(message: Any) -> None:
    print(message, flush=True)


def connect(database: str = SHOP, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    """A new psycopg connection as the learner's role; psycopg's own defaults otherwise.

    The `shop` database is built first if it is not there yet (once, some seconds, resumable).
    """
    import psycopg

    return psycopg.connect(url(database), autocommit=autocommit)


def url(database: str = SHOP) -> str:
    """A postgresql:// URL of one of the learner's databases. The shops are built first if they are not there."""
    server = ensure().postgres
    if database in (SHOP, SMALL) and server.url(database) not in _furnished:
        from grader import shop

        shop.ensure_shop(server, database, progress=_progress())
        _furnished.add(server.url(database))
    return server.url(database, role="learner")


def _progress() -> Callable[[str, float], None]:
    """Prints each step of building the shop once."""
    told: set[str] = set()

    def tell(step: str, share: float) -> None:
        if step not in told:
            told.add(step)
            print(f"Preparing your shop database (once): {step}", flush=True)

    return tell


def redis(*, decode_responses: bool = False) -> redis_package.Redis:
    """A redis-py client of the learner's Redis-protocol server."""
    import redis as package

    client: redis_package.Redis = package.Redis.from_url(
        ensure().redis.url, decode_responses=decode_responses
    )
    return client


class Session:
    """One autocommit connection that is replaced, with a word, when the server dropped it."""

    def __init__(self, database: str = SHOP) -> None:
        self.database = database
        self._conn: psycopg.Connection[Any] | None = None

    @property
    def conn(self) -> psycopg.Connection[Any]:
        if self._conn is not None and (self._conn.closed or self._conn.broken):
            self._conn = None
            print("The database connection was closed; connecting again.", flush=True)
        if self._conn is None:
            self._conn = connect(self.database, autocommit=True)
        return self._conn

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None


shared = Session()
"""What `%%sql` and `explain` use until a lab is opened, then the lab's own."""


def use(session: Session) -> None:
    """Makes a lab's session the one the magics use."""
    global shared  # noqa: PLW0603
    shared = session


def current() -> Session:
    return shared
