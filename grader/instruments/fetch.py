"""Rows of a statement somebody else wrote: as many as anybody could want, and never more.

A driver keeps a whole result in memory before it gives the first row, so that one `generate_series` in an answer
would fill the judge's. Here rows are taken as they come, and the statement is cancelled when there are too many.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any, cast

import psycopg

MOST = 500_000  # rows; the largest table a check has is smaller
_AT_ONCE = 500 if psycopg.capabilities.has_stream_chunked() else 1  # rows the driver takes from the server


class TooManyRows(psycopg.errors.ProgramLimitExceeded):
    """The statement gave more rows than anybody asked for; the message is a sentence for who wrote it."""


def fetch(
    cursor: psycopg.Cursor[Any], query: Any, params: Any = None, *, most: int = MOST
) -> list[tuple[Any, ...]]:
    """Runs one statement and gives its rows; `cursor.description` has the columns.

    Raises TooManyRows beyond `most`, psycopg.Error as `execute` would.
    """
    rows: list[tuple[Any, ...]] = []
    try:
        # It is a generator, which must be closed so that the statement is cancelled; its annotation says less.
        streamed = cast("Generator[tuple[Any, ...], None, None]", cursor.stream(query, params, size=_AT_ONCE))
        with closing(streamed) as stream:
            for row in stream:
                rows.append(row)
                if len(rows) > most:
                    raise TooManyRows(f"A query of the answer returned more than {most:,} rows.")
    except psycopg.ProgrammingError as error:
        if error.sqlstate is None:  # the driver's own, in words about the driver
            raise psycopg.ProgrammingError("the statement returns no rows") from None
        raise
    return rows
