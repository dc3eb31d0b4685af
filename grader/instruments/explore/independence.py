"""Which neighbouring statements of different callers may be swapped without anybody being able to tell.

Schedules that differ only by such swaps are one schedule (a Mazurkiewicz trace); sleep sets (Godefroid,
"Partial-Order Methods for the Verification of Concurrent Systems", 1996) play one of each. The relation
rests on PostgreSQL's rules at READ COMMITTED and REPEATABLE READ and errs towards "they cannot be swapped":

- A plain read takes no row locks and sees only what is committed. It may be swapped with another plain read,
  with a write that its transaction has not committed, and with a rollback.
- The end of a transaction that has only read plainly may be swapped with anything.
- Steps on different servers (Postgres, Redis, a provider, a broker) may be swapped: none sees the others' state.
  A sleep may not, for all of them read the clock.
- Everything else is kept in order: two writes, a commit with anything, a statement outside a transaction,
  whatever calls a function not known to be harmless, and everything as soon as SERIALIZABLE is in play
  (there, reads leave locks) or somebody waits for a lock and a transaction ends.
"""

from __future__ import annotations

import functools
import re
from typing import Literal

from grader.instruments.explore.statements import plain

Effect = Literal["read", "write", "quiet end", "rollback", "other", "Redis", "provider", "broker", "unknown"]
ELSEWHERE: frozenset[Effect] = frozenset(("Redis", "provider", "broker"))  # steps on servers besides Postgres

_CALLED = re.compile(r"([a-z_][a-z_0-9.]*)\s*\(", re.IGNORECASE)
_FUNCTIONS = """
count sum min max avg coalesce nullif greatest least abs round ceil floor lower upper length trim now extract
date_trunc to_char row_number rank array_agg string_agg jsonb_agg json_agg jsonb_build_object
"""
_WORDS = """
in exists any all some and or not where on as from values select when then else case filter over array row
using join with by having between like set returning into distinct interval numeric decimal varchar char
"""  # of the language, that may stand before a parenthesis
_HARMLESS = frozenset((_FUNCTIONS + _WORDS).split())
_READ = re.compile(r"(select|table|values)\b", re.IGNORECASE)
_LOCKING = re.compile(r"\bfor\s+(update|share|no\s+key|key)\b|\binto\b", re.IGNORECASE)
_WRITE = re.compile(r"(insert|update|delete|merge)\b", re.IGNORECASE)
_ROLLBACK = re.compile(r"(rollback|abort)\s*(work|transaction)?\s*;?$", re.IGNORECASE)
_COMMIT = re.compile(r"(commit|end)\s*(work|transaction)?\s*;?$", re.IGNORECASE)
_BRACKET = re.compile(r"(begin|start\s+transaction|savepoint|release|rollback)\b[^;]*;?$", re.IGNORECASE)
_SERIALIZABLE = re.compile(r"serializable|isolation|characteristics|set_config", re.IGNORECASE)


@functools.lru_cache(maxsize=4096)
def effect(sql: str, in_transaction: bool, has_written: bool) -> Effect:
    """What a held statement may do. has_written: its transaction has done more than read plainly."""
    text = plain(sql)
    if in_transaction and _ROLLBACK.match(text):
        return "rollback" if has_written else "quiet end"
    if in_transaction and _COMMIT.match(text):
        return "other" if has_written else "quiet end"
    if ";" in text.rstrip("; "):
        return "other"
    harmless = all(name.lower() in _HARMLESS or _is_table(text, at) for name, at in _calls(text))
    if _READ.match(text) and harmless and not _LOCKING.search(text):
        return "read"
    locking = _READ.match(text) and _LOCKING.search(text)
    if in_transaction and harmless and (_WRITE.match(text) or locking):
        return "write"
    return "other"


def _calls(text: str) -> list[tuple[str, int]]:
    return [(found[1], found.start()) for found in _CALLED.finditer(text)]


def _is_table(text: str, at: int) -> bool:
    """`insert into accounts (id, ...)`: a name with a column list, not a call."""
    return re.search(r"\binto\s+$", text[:at], re.IGNORECASE) is not None


@functools.lru_cache(maxsize=4096)
def leaves_session_alone(sql: str) -> bool:
    """Whether nothing of the session is left changed once the statement's transaction has ended.

    Only true where the database holds no functions of anybody's own, which triggers and views might call.
    """
    text = plain(sql)
    return effect(sql, True, False) in ("read", "write", "quiet end") or bool(_BRACKET.match(text))


@functools.lru_cache(maxsize=4096)
def changes_rules(sql: str) -> bool:
    """Whether the statement may raise the isolation level to one at which reads leave locks."""
    return not sql.lstrip().lower().startswith("show") and _SERIALIZABLE.search(sql) is not None


def commute(a: Effect, b: Effect, somebody_waits: bool) -> bool:
    """Whether two held statements of different callers may be swapped."""
    pair = {a, b}
    if pair & ELSEWHERE and "unknown" not in pair:
        return a != b
    if somebody_waits and pair & {"rollback", "other", "unknown"}:
        return False
    if "quiet end" in pair:
        return True
    return "read" in pair and pair <= {"read", "write", "rollback"}
