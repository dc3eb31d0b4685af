"""A Redis database that one check has to itself, though several judge at once on one server."""

from __future__ import annotations

import fcntl
import itertools
import os
import time
from typing import IO

from grader import services

DATABASES = 16  # what a server has unless it is told otherwise


class OwnRedis:
    """An empty database. url: the server's; alone: nobody else uses that server.

    Of a shared embedded server one of the numbered databases is taken, and a lock file says by whom; a process that
    dies gives it back. A server named by $REDIS_URL is used as it is named.
    """

    def __init__(self, url: str, *, alone: bool) -> None:
        import redis

        self._held: IO[str] | None = None
        numbered = not alone and url.startswith("unix://") and "REDIS_URL" not in os.environ
        self.url = f"{url.partition('?')[0]}?db={self._take()}" if numbered else url
        with redis.Redis.from_url(self.url) as client:
            if numbered:
                client.flushdb()
            else:
                client.flushall()

    def _take(self) -> int:
        folder = services.home() / "redis-in-use"
        folder.mkdir(parents=True, exist_ok=True)
        for number in itertools.cycle(range(DATABASES)):
            file = (folder / str(number)).open("w")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                if number == DATABASES - 1:
                    time.sleep(0.05)  # sixteen checks at once: wait for one to end
                continue
            self._held = file
            return number
        raise AssertionError("a cycle does not end")

    def close(self) -> None:
        """Gives the database back."""
        if self._held is not None:
            self._held.close()
