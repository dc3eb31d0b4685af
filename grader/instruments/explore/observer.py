"""The explorer's own connection to the server: who waits for whom, and who is still there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psycopg
from psycopg import pq

# pg_blocking_pids covers heavyweight locks (and through them row locks), the second function the wait of a
# SERIALIZABLE READ ONLY DEFERRABLE transaction for a safe snapshot.
_WAITS = b"""
select pid, (pg_blocking_pids(pid) || pg_safe_snapshot_blocking_pids(pid))::text
from unnest($1::int[]) as pid
"""
_ALIVE = b"select pid from pg_stat_get_activity(null) where pid = any($1::int[])"
_TERMINATE = b"select pg_terminate_backend(pid, 2000) from unnest($1::int[]) as pid"


def _array(pids: Iterable[int]) -> bytes:
    return b"{" + b",".join(b"%d" % p for p in pids) + b"}"


class Observer:
    """One connection that only calls functions of pg_catalog, as a role that may see every session.

    url: of a role that is superuser, or a member of pg_read_all_stats and pg_signal_backend.
    """

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(
            url, autocommit=True, options="-c search_path=pg_catalog", application_name="explorer"
        )
        for name, sql in ((b"waits", _WAITS), (b"alive", _ALIVE), (b"terminate", _TERMINATE)):
            self._expect(self.connection.pgconn.prepare(name, sql), pq.ExecStatus.COMMAND_OK)

    def _expect(self, result: pq.abc.PGresult, status: pq.ExecStatus) -> pq.abc.PGresult:
        if result.status != status:
            raise psycopg.OperationalError(result.error_message.decode(errors="replace"))
        return result

    def _ask(self, name: bytes, pids: Iterable[int]) -> list[tuple[int, str]]:
        result = self.connection.pgconn.exec_prepared(name, [_array(pids)])
        self._expect(result, pq.ExecStatus.TUPLES_OK)
        width = result.nfields
        return [
            (int(result.get_value(i, 0) or b"0"), (result.get_value(i, width - 1) or b"").decode())
            for i in range(result.ntuples)
        ]

    def waits(self, pids: Iterable[int]) -> Mapping[int, tuple[int, ...]]:
        """For each of `pids` that waits now: the process ids it waits for."""
        found = {pid: text.strip("{}") for pid, text in self._ask(b"waits", pids)}
        return {pid: tuple(int(p) for p in text.split(",")) for pid, text in found.items() if text}

    def alive(self, pids: Iterable[int]) -> set[int]:
        """Those of `pids` that are still server processes."""
        return {pid for pid, _ in self._ask(b"alive", pids)}

    def terminate(self, pids: Iterable[int]) -> None:
        """Ends server processes and waits until they have gone."""
        self.connection.pgconn.exec_prepared(b"terminate", [_array(pids)])

    def close(self) -> None:
        self.connection.close()
