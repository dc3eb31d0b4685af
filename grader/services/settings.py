"""How the clusters are set. The learner's is as careful as production, the judge's is made to be thrown away."""

from __future__ import annotations

from collections.abc import Mapping

Settings = Mapping[str, str]

LEARNER: Settings = {
    "shared_preload_libraries": "pg_stat_statements",
    "track_io_timing": "on",
    "log_min_messages": "warning",
}

# synchronous_commit stays on: without fsync it costs next to nothing, and a killed server keeps what it confirmed.
THROWAWAY: Settings = {
    "shared_preload_libraries": "pg_stat_statements",
    "track_io_timing": "on",
    "log_min_messages": "warning",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "deadlock_timeout": "10ms",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "dynamic_shared_memory_type": "mmap",  # in the data directory, so that a killed one leaves nothing behind
}

# Made before the template is first copied, so that every cluster has them without a statement of its own.
FIRST_STATEMENTS = """
CREATE ROLE learner LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION;
CREATE ROLE judge LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION BYPASSRLS;
GRANT pg_read_all_data, pg_monitor TO judge;
ALTER ROLE judge SET search_path = pg_catalog;
ALTER ROLE judge SET lock_timeout = '5s';
CREATE EXTENSION pg_stat_statements;
"""


def as_arguments(settings: Settings) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def as_file(settings: Settings) -> str:
    quoted = {name: value.replace("'", "''") for name, value in settings.items()}
    return "".join(f"{name} = '{value}'\n" for name, value in quoted.items())
