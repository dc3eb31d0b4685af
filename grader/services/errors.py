"""The one exception every command prints as a sentence instead of a traceback."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ServiceError(Exception):
    """Something a person can put right. The message is one sentence: what is wrong and what to do."""


@contextmanager
def in_words(place: Path) -> Iterator[None]:
    """Turns the operating system's usual refusals around `place` into a `ServiceError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ServiceError(
                f"There is no room left on the disk that holds {place}; free some space and try again."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ServiceError(
                f"{error.filename or place} cannot be written by this user; "
                "set GRADER_HOME to a folder of yours and try again."
            ) from error
        raise
