"""Databases made before they are asked for, and dropped after the verdict is out.

A learner waits for a check, not for its preparation: the judge's process of a notebook tends its stock between two
checks, while the card is being read. Kept for shared servers only; a boxed answer's servers are thrown away whole.
"""

from __future__ import annotations

import contextlib
import itertools
import os

import psycopg

from grader import services, shop

FIRST = ("shop_small",)  # what a first check is likely to use
_numbers = itertools.count(1)


def new_name() -> str:
    """A database name no other check uses."""
    return f"check_{os.getpid()}_{next(_numbers)}"


class Stock:
    """Spare clones, and databases whose check is over. Not thread-safe: one process judges one answer at a time."""

    def __init__(self) -> None:
        self._spare: dict[tuple[str, str], list[str]] = {}
        self._used: list[str] = list(
            FIRST
        )  # templates the last check asked for: the next one probably does too
        self._over: list[str] = []

    def take(self, server: services.PostgresServer, template: str) -> str:
        """A fresh clone's name: a spare one, or one made now. Raises psycopg.Error."""
        self._used.append(template)
        spare = self._spare.get((server.url(), template))
        if spare:
            return spare.pop()
        name = new_name()
        shop.clone(server, template, name)
        return name

    def give_back(self, name: str) -> None:
        """The check is over: `tend` drops the database."""
        self._over.append(name)

    def tend(self, server: services.PostgresServer) -> None:
        """Drops what is over and clones what the last check used. What fails is tried again by whoever needs it."""
        with contextlib.suppress(psycopg.Error, OSError):
            while self._over:
                shop.drop(server, self._over[-1])
                self._over.pop()
            for template in dict.fromkeys(self._used):
                spare = self._spare.setdefault((server.url(), template), [])
                while len(spare) < min(2, self._used.count(template)):
                    name = new_name()
                    shop.clone(server, template, name)
                    spare.append(name)
            self._used.clear()

    def sweep(self, server: services.PostgresServer) -> None:
        """Drops what processes of this machine left behind when they were killed."""
        if not server.bundled:  # elsewhere the number in a name may be another machine's process
            return
        with psycopg.connect(server.url(), autocommit=True) as admin:
            names = admin.execute("SELECT datname FROM pg_database WHERE datname ~ '^check_[0-9]+_[0-9]+$'")
            self._over += [name for (name,) in names if not _alive(int(name.split("_")[1]))]

    def clear(self, server: services.PostgresServer) -> None:
        """Drops everything, used or not: the process is about to end."""
        self._used.clear()
        for spare in self._spare.values():
            self._over += spare
        self._spare.clear()
        self.tend(server)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
