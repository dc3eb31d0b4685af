"""One process at a time changes what runs in a home. The kernel drops the lock if its holder dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.services.errors import in_words


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the file lock `path`, waiting for it if need be."""
    with in_words(path):
        handle = path.open("a")
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
