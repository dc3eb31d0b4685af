"""Where `refresh` runs: families with their tokens, and how each call ended."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from grader.checks.authentication.kept import readable
from grader.checks.concurrency import Scene, blame
from grader.checks.holdings import empty_tables, in_tables
from grader.checks.running import Database, Reply
from grader.instruments.clock import START
from grader.verdict import Evidence

SCHEMA = """
CREATE TABLE families (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL,
    ends_at     timestamptz NOT NULL,
    revoked_at  timestamptz
);
CREATE TABLE refresh_tokens (
    token_hash text PRIMARY KEY,
    family_id  bigint NOT NULL REFERENCES families,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
"""
# name: (family, customer, token expires in days, family ends in days, revoked)
SEEDS = {
    "first": (1, 17, 30.0, 365.0, False),
    "other": (2, 17, 30.0, 365.0, False),
    "expired": (3, 17, -0.01, 365.0, False),
    "ended": (4, 17, 30.0, -0.01, False),
    "revoked": (5, 17, 30.0, 365.0, True),
    "ending": (6, 17, 30.0, 7.0, False),
    "long ago": (7, 18, 30.0, 365.0, False),
}


@dataclass
class Call:
    """One call: of which token, by name, and how it ended. rows: (family, expires_at) by hash afterwards."""

    what: str
    reply: Reply
    rows: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def token(self) -> str:
        return self.reply.value if self.reply.ok and isinstance(self.reply.value, str) else ""

    def said(self) -> str:
        if not self.reply.ok:
            return blame(self.reply)
        return "gave a new token" if self.token else f"returned {self.reply.value!r}"[:80]


@dataclass
class History:
    """Since when each family is revoked: `refused`, after tokens that are over, and `revoked`, after the reuse of one.

    readable: where a new token stands.
    """

    calls: dict[str, Call] = field(default_factory=dict)
    refused: dict[int, datetime | None] = field(default_factory=dict)
    revoked: dict[int, datetime | None] = field(default_factory=dict)
    readable: str = ""
    together: Scene | None = None
    unrelated: Scene | None = None

    @property
    def scenes(self) -> list[Scene]:
        return [s for s in (self.together, self.unrelated) if s]

    def table(self, *names: str) -> Evidence:
        rows = [[c.what, c.said()] for name, c in self.calls.items() if name in names]
        return Evidence("table", "The calls", {"columns": ["call", "outcome"], "rows": rows})


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Desk:
    """The tables, and calls one after the other."""

    def __init__(self, database: Database, tokens: dict[str, str]) -> None:
        self.database, self.tokens = database, tokens
        self.connection = database.connection("admin")

    def reset(self) -> None:
        empty_tables(self.database)
        for name, (family, customer, expires, ends, revoked) in SEEDS.items():
            day = timedelta(days=1)
            self.connection.execute(
                "INSERT INTO public.families VALUES (%s, %s, %s, %s)",
                [family, customer, START + ends * day, START - day if revoked else None],
            )
            self.connection.execute(
                "INSERT INTO public.refresh_tokens VALUES (%s, %s, %s)",
                [digest(self.tokens[name]), family, START + expires * day],
            )

    def rows(self) -> dict[str, tuple[int, str]]:
        found = self.connection.execute(
            "SELECT token_hash, family_id, expires_at FROM public.refresh_tokens"
        ).fetchall()
        return {h: (int(f), e.isoformat()) for h, f, e in found}

    def revoked(self) -> dict[int, datetime | None]:
        found = self.connection.execute("SELECT id, revoked_at FROM public.families").fetchall()
        return {int(id): since for id, since in found}

    def readable(self, *tokens: str) -> str:
        """The table in which one of these stands, as it is or merely encoded; "" if none does."""
        kept = in_tables(self.database)
        return next((where for token in tokens if (where := readable(token, kept))), "")
