"""What a database keeps, in tables of the answer's own too, and whether a secret can be read from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grader.checks.authentication.reset_password_app import spellings

TELLING = 16  # characters of a part of a token that cannot stand somewhere by chance


def tables(connection: Any) -> list[str]:
    """Names of all tables, as SQL may quote them."""
    found = connection.execute(
        "SELECT c.oid::pg_catalog.regclass::text FROM pg_catalog.pg_class c "
        "WHERE c.relnamespace = 'public'::pg_catalog.regnamespace AND c.relkind = 'r'"
    )
    return [str(name) for (name,) in found.fetchall()]


def in_tables(connection: Any) -> dict[str, str]:
    """All rows, as text: by "the table NAME"."""
    found = {}
    for name in tables(connection):
        rows = connection.execute(f"SELECT pg_catalog.to_jsonb(t.*)::text FROM {name} t").fetchall()
        found[f"the table {name}"] = "\n".join(text for (text,) in rows)
    return found


def readable(token: str, kept: Mapping[str, str]) -> str:
    """Where the token stands, as it is or merely encoded; "" if nowhere. kept: text, by where it is."""
    # Of several parts one may be a public name; and what is short says nothing where it is found.
    last = [part for part in token.replace(":", ".").split(".") if len(part) >= TELLING][-1:]
    for where, text in kept.items():
        if any(spelling in text for part in (token, *last) for spelling in spellings(part)):
            return where
    return ""
