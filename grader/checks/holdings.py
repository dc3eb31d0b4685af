"""What Redis and the tables hold, whatever an answer has put there: as single values, to search and to compare."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from grader.checks.running import Database

_TABLES = """
SELECT c.oid::pg_catalog.regclass::pg_catalog.text, n.nspname || '.' || c.relname
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relname !~ '[.]'
 ORDER BY 2
"""


def tables(database: Database) -> list[str]:
    """All tables there are now, as schema.table, those an answer has made among them."""
    return [str(name) for _, name in database.query(_TABLES)]


def in_tables(database: Database) -> dict[str, list[str]]:
    """Every value of every row, as text, by "the table NAME"."""
    found: dict[str, list[str]] = {}
    for name, _ in database.query(_TABLES):
        rows = database.query(f"SELECT pg_catalog.to_jsonb(t.*)::pg_catalog.text FROM {name} t")
        found[f"the table {name.removeprefix('public.')}"] = [
            leaf for (row,) in rows for leaf in _leaves(json.loads(row))
        ]
    return found


def empty_tables(database: Database) -> None:
    """Takes all rows out of all tables."""
    names = ", ".join(name for name, _ in database.query(_TABLES))
    database.execute(f"TRUNCATE {names} CASCADE", role="admin")


def in_redis(cache: Any) -> list[str]:
    """Every key and every value of a Redis, as text; bytes as Latin-1."""
    readers = {
        "string": cache.get,
        "hash": cache.hgetall,
        "list": lambda k: cache.lrange(k, 0, -1),
        "set": cache.smembers,
        "zset": lambda k: cache.zrange(k, 0, -1, withscores=True),
        "stream": cache.xrange,
    }
    found: list[str] = []
    for key in cache.scan_iter(count=1000):
        found += _leaves(key)
        # What has no reader is taken as the server would move it elsewhere.
        found += _leaves(readers.get(cache.type(key).decode(), cache.dump)(key))
    return found


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(key)
            yield from _leaves(inner)
    elif isinstance(value, list | tuple | set):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, bytes):
        yield value.decode("latin-1")
    elif value is not None:
        yield str(value)
