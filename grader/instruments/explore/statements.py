"""What kind of statement it is, as far as the order of statements can matter. Errs towards "it matters"."""

from __future__ import annotations

import functools
import re

_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_LOCAL = re.compile(
    r"(begin|start\s+transaction|savepoint|release|show|deallocate|"
    r"set\s+(?!constraints|.*\bsnapshot\b))\b[^;]*;?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_ABOUT_SERVER = re.compile(
    r"select\s+((pg_catalog\.)?version\(\)|current_(schema|database|user)(\(\))?)\s*;?$"
    r"|select\b[^();]*\bfrom\s+(pg_catalog\.)?pg_type(\s+\w+)?\s+where\s+[\w.]+\s*=\s*to_regtype\(\$1\)"
    r"(\s+order\s+by\s+[\w.]+)?\s*;?$",
    re.IGNORECASE,
)
_COMMIT = re.compile(r"(commit|end|rollback|abort|prepare\s+transaction)\b", re.IGNORECASE)


def plain(sql: str) -> str:
    """`sql` on one line; without comments, unless a quote might hide where they begin."""
    quoted = any(mark in sql for mark in "'\"$")
    return " ".join((sql if quoted else _COMMENT.sub(" ", sql)).split())


@functools.lru_cache(maxsize=4096)
def is_local(sql: str, strict: bool = True) -> bool:
    """True if nobody else can tell when it runs: it neither reads nor writes shared data nor takes a lock.

    BEGIN takes no snapshot (the first query does), SET changes the session, SAVEPOINT and RELEASE only
    bookkeeping of the transaction. ROLLBACK TO gives locks back, so it is not among them. Unless `strict`,
    which is for isolation levels at which any query fixes the snapshot, questions about the server alone
    (drivers and SQLAlchemy ask them on a new connection) count too.
    """
    text = plain(sql)
    if not text or _LOCAL.match(text):
        return True
    return not strict and _ABOUT_SERVER.match(text) is not None


@functools.lru_cache(maxsize=4096)
def ends_transaction(sql: str) -> bool:
    """COMMIT, ROLLBACK and their spellings; ROLLBACK TO too, which may release locks."""
    return _COMMIT.match(plain(sql)) is not None
