"""Who waits for whom in one database now, asked of the server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg

_SESSIONS = """
select a.pid, a.application_name, a.state, a.query, pg_catalog.pg_blocking_pids(a.pid), l.mode, l.locktype,
       l.relation::regclass::text
from pg_catalog.pg_stat_activity a
left join pg_catalog.pg_locks l on l.pid = a.pid and not l.granted
where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
order by a.application_name, a.pid
"""


def lock_queue(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """The sessions of this database that wait or are waited for, as `grader.show.lock_queue` draws them.

    Sessions are named by their application_name ("session A" is A), else by pid.
    """
    rows = connection.execute(_SESSIONS).fetchall()
    names = {pid: name.removeprefix("session ") or f"pid {pid}" for pid, name, *_ in rows}
    involved = {p for pid, *_, blockers, _, _, _ in rows if blockers for p in (pid, *blockers)}
    return [
        {
            "name": names[pid],
            "state": state or "",
            "statement": " ".join(query.split()),
            "waits_for": list(dict.fromkeys(names[p] for p in blockers if p in names)),
            "wants": _wanted(mode, kind, relation),
        }
        for pid, _, state, query, blockers, mode, kind, relation in rows
        if pid in involved
    ]


def _wanted(mode: str | None, kind: str | None, relation: str | None) -> str:
    """A lock as LOCK TABLE spells it: "ACCESS EXCLUSIVE on products"."""
    if mode is None:
        return ""
    what: Mapping[str, str] = {"transactionid": "the end of a transaction", "tuple": f"a row of {relation}"}
    spelt = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()
    return f"{spelt} on {what.get(str(kind), relation or str(kind))}"
