"""A shared HTTP cache as RFC 9111 allows one: it stores what it may, and serves what is fresh to whoever asks the same.

What is stored but not fresh is never served: the app is asked again, as a cache may do at any time.
Not modelled: heuristic freshness, `Age`, `must-understand`.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime

from grader.instruments.callers import AppClient, Exchange

_PART = re.compile(r'(?:[^,"]|"[^"]*"?)+')
# A status that may be stored although nothing says so (RFC 9110, section 15.1).
_STORABLE = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}


def directives(value: str) -> dict[str, str]:
    """Cache-Control, read: {"public": "", "max-age": "60"}; of a repeated one the first counts."""
    found: dict[str, str] = {}
    for part in _PART.findall(value):
        name, _, argument = part.strip().partition("=")
        if name:
            found.setdefault(name.strip().lower(), argument.strip().strip('"'))
    return found


@dataclass(frozen=True)
class Received:
    """A reply, and between which two moments (seconds since 1970) the app made it."""

    exchange: Exchange
    sent: float = 0.0
    at: float = 0.0

    @property
    def told(self) -> dict[str, str]:
        return directives(self.exchange.headers.get("cache-control", ""))

    def lifetime(self) -> tuple[float, float]:
        """Seconds a shared cache may serve it without asking: at least and at most. (0, 0) if it has to ask.

        The two differ where the app names a moment and not a length: it read its clock some time between request and
        reply, and a date has whole seconds.
        """
        told, headers = self.told, self.exchange.headers
        # With arguments, no-cache and private are about the fields they name only.
        if "no-store" in told or "" in (told.get("no-cache"), told.get("private")) or "*" in _varies(headers):
            return 0.0, 0.0
        for name in ("s-maxage", "max-age"):
            if name in told:
                seconds = float(told[name]) if told[name].isdecimal() else 0.0
                return seconds, seconds
        moment = _moment(headers.get("expires", ""))
        return max(moment - self.at, 0.0), max(moment - self.sent + 1.0, 0.0)

    def may_be_stored(self, authorized: bool) -> bool:
        """Whether a shared cache may store it: RFC 9111, sections 3 and 3.5. authorized: asked with a token."""
        exchange, told = self.exchange, self.told
        if exchange.ended or exchange.truncated or exchange.status in (206, 304):
            return False
        if "no-store" in told or told.get("private") == "":
            return False
        if authorized and not told.keys() & {"public", "s-maxage", "must-revalidate"}:
            return False
        explicit = told.keys() & {"public", "s-maxage", "max-age"} or "expires" in exchange.headers
        return bool(explicit) or exchange.status in _STORABLE


def receive(client: AppClient, path: str, headers: dict[str, str]) -> Received:
    """Asks the app itself."""
    sent = time.time()
    return Received(client.request("GET", path, headers=headers), sent, time.time())


@dataclass
class Stored:
    vary: dict[str, str]  # the request's values of what Vary names
    reply: Received

    def answers(self, asked: dict[str, str]) -> bool:
        shortest, _ = self.reply.lifetime()
        return shortest > 0 and all(asked.get(name, "") == value for name, value in self.vary.items())


@dataclass
class SharedCache:
    """Stands before an app; `get` is what a browser or another customer asks it."""

    client: AppClient
    entries: dict[str, list[Stored]] = field(default_factory=dict)  # also those that no longer answer

    def get(self, path: str, headers: dict[str, str]) -> Received:
        asked = {k.lower(): v for k, v in headers.items()}
        for stored in reversed(self.entries.get(path, [])):  # of several that match, the latest
            if stored.answers(asked):
                return stored.reply
        reply = receive(self.client, path, headers)
        if reply.may_be_stored("authorization" in asked):
            vary = {name: asked.get(name, "") for name in _varies(reply.exchange.headers)}
            self.entries.setdefault(path, []).append(Stored(vary, reply))
        return reply

    def holds(self, text: str) -> bool:
        """Whether `text` stands in anything that was ever kept."""
        return any(
            text in s.reply.exchange.body.decode("utf-8", "replace")
            for kept in self.entries.values()
            for s in kept
        )


def _varies(headers: dict[str, str]) -> list[str]:
    return [name.strip().lower() for name in headers.get("vary", "").split(",") if name.strip()]


def _moment(date: str) -> float:
    """Seconds since 1970; long ago for what is no date, such as the usual `Expires: 0`."""
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError, IndexError):
        return -math.inf
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
