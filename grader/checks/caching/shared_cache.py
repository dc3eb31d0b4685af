"""A shared HTTP cache as RFC 9111 allows one: it stores what it may, and serves it to whoever asks the same."""

from __future__ import annotations

from dataclasses import dataclass, field

from grader.instruments.callers import AppClient, Exchange


def directives(value: str) -> dict[str, str]:
    """Cache-Control, read: {"public": "", "max-age": "60"}."""
    found: dict[str, str] = {}
    for part in value.split(","):
        name, _, argument = part.strip().partition("=")
        if name:
            found[name.strip().lower()] = argument.strip().strip('"')
    return found


def lifetime(exchange: Exchange) -> float:
    """Seconds a shared cache may serve it without asking; 0 if it has to ask, or may not keep it."""
    told = directives(exchange.headers.get("cache-control", ""))
    if told.keys() & {"no-store", "no-cache", "private"}:
        return 0.0
    for name in ("s-maxage", "max-age"):
        if name in told:
            return float(told[name]) if told[name].isdigit() else 0.0
    return 0.0


@dataclass
class Stored:
    vary: dict[str, str]
    exchange: Exchange


@dataclass
class SharedCache:
    """Stands before an app; `get` is what a browser or another customer asks it."""

    client: AppClient
    entries: dict[str, list[Stored]] = field(default_factory=dict)

    def get(self, path: str, headers: dict[str, str]) -> Exchange:
        asked = {k.lower(): v for k, v in headers.items()}
        for stored in self.entries.get(path, []):
            if all(asked.get(name, "") == value for name, value in stored.vary.items()):
                return stored.exchange
        exchange = self.client.request("GET", path, headers=headers)
        if self._may_keep(exchange, asked):
            names = [n.strip().lower() for n in exchange.headers.get("vary", "").split(",") if n.strip()]
            self.entries.setdefault(path, []).append(Stored({n: asked.get(n, "") for n in names}, exchange))
        return exchange

    def holds(self, text: str) -> bool:
        """Whether `text` stands in anything that is kept."""
        return any(
            text in s.exchange.body.decode("utf-8", "replace") for kept in self.entries.values() for s in kept
        )

    def _may_keep(self, exchange: Exchange, asked: dict[str, str]) -> bool:
        told = directives(exchange.headers.get("cache-control", ""))
        if exchange.ended or exchange.status == 304 or "*" in exchange.headers.get("vary", ""):
            return False
        allowed = bool(told.keys() & {"public", "s-maxage", "must-revalidate"})
        return lifetime(exchange) > 0 and ("authorization" not in asked or allowed)
