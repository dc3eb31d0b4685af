"""Bytes a DuckDB query reads from Parquet files: the column store's answer to pages touched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb


@dataclass(frozen=True)
class Scanned:
    """What one query read. A file's footer and skipped row groups are not in it."""

    bytes_read: int
    rows_scanned: int  # rows that left the scans, after the filters pushed down into them
    row_groups: int
    row_groups_total: int
    columns: tuple[str, ...]  # columns the scans were asked for, without those used in filters only


def duckdb_bytes_scanned(
    connection: duckdb.DuckDBPyConnection, sql: str, params: Sequence[Any] | None = None
) -> Scanned:
    """Runs one query under EXPLAIN ANALYZE and returns what its table scans read.

    Runs on one thread, then restores the setting, since how far a LIMIT reads ahead depends on the number of threads;
    DuckDB's file cache does not lower the figure. A query answered from the file's footer alone (count(*)) leaves
    no profile and read nothing: zeros. Tables held in DuckDB itself read no bytes.
    Raises duckdb.Error as the query does.
    """
    threads = (connection.execute("SELECT current_setting('threads')").fetchone() or (1,))[0]
    connection.execute("SET threads = 1")
    try:
        row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params).fetchone()
        profile = json.loads(row[1]) if row else {}
        if "operator" not in profile:  # DuckDB 2.0: {"result": "error"} where nothing was scanned
            connection.execute(sql, params)  # raises if the query is wrong after all
    finally:
        connection.execute(f"SET threads = {int(threads)}")
    scans = [node for node in _walk(profile.get("operator", [])) if node.get("type") == "TABLE_SCAN"]
    columns: list[str] = []
    for scan in scans:
        asked = scan.get("extra_info", {}).get("Projections", [])
        columns += [asked] if isinstance(asked, str) else asked
    return Scanned(
        bytes_read=int(profile.get("io", {}).get("total_bytes_read", 0)),
        rows_scanned=sum(int(scan.get("rows_scanned", 0)) for scan in scans),
        row_groups=sum(int(scan.get("row_groups_scanned", 0)) for scan in scans),
        row_groups_total=sum(int(scan.get("total_row_groups_to_scan", 0)) for scan in scans),
        columns=tuple(dict.fromkeys(c for c in columns if c)),
    )


def _walk(nodes: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for node in nodes:
        yield node
        yield from _walk(node.get("children", ()))
