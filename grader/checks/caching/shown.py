"""One request over HTTP and its reply, with what it should have been about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from grader.checks.caching.shared_cache import Received
from grader.checks.exercise import Ruling, fail
from grader.instruments.callers import Exchange
from grader.verdict import Evidence

Content = Mapping[str, object]  # fields of the JSON in a body
NOTHING: Content = {}


@dataclass
class Shown:
    what: str
    reply: Received
    wanted: Content = field(default_factory=dict)
    status: int = 200

    @property
    def exchange(self) -> Exchange:
        return self.reply.exchange

    @property
    def right(self) -> bool:
        return self.exchange.status == self.status and not self.exchange.ended and self._has_wanted()

    def _has_wanted(self) -> bool:
        if not self.wanted:
            return True
        found = self.exchange.json()
        return isinstance(found, dict) and all(
            name in found and found[name] == value for name, value in self.wanted.items()
        )

    def header(self, name: str) -> str:
        """Empty where there is none."""
        return self.exchange.headers.get(name, "")

    def table(self) -> Evidence:
        headers = [[k, v] for k, v in sorted(self.exchange.headers.items()) if k not in ("date", "server")]
        rows = [
            ["status", self.exchange.status],
            *headers,
            ["body", self.exchange.body[:120].decode("utf-8", "replace")],
        ]
        return Evidence("table", f"The reply to {self.what}", {"columns": ["header", "value"], "rows": rows})

    def wrong(self) -> Ruling:
        content = f" with {json.dumps(self.wanted)} as JSON" if self.wanted else ""
        return fail(
            f"{self.status}{content} for {self.what}",
            self.exchange.trouble or self.exchange.line(),
            evidence=[self.table()],
        )


def first_wrong(shown: list[Shown]) -> Ruling:
    return next((s.wrong() for s in shown if not s.right), True)
