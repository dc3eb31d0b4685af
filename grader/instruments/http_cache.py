"""A cache between browsers and an app, as RFC 9111 allows a shared one, and an account of who answered.

    cache = HttpCache(app, clock)
    cache.get("/products/7", accept_language="de")     # Answered(200, b"...", by="app", sent=41)
    cache.get("/products/7", accept_language="de")     # Answered(200, b"...", by="cache", sent=0)

It keeps what the headers allow, hands it to whoever asks the same, asks again with If-None-Match when it is stale, and
lets time pass on a virtual clock. Not modelled: Expires, Last-Modified, heuristic freshness, ranges, invalidation by
unsafe methods.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

from grader.instruments.clock import VirtualClock


@dataclass(frozen=True)
class Answered:
    """What the browser got. by: "app", "cache" or "cache, asked"; sent: bytes of body the app had to send."""

    status: int
    body: bytes
    by: str
    sent: int
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


@dataclass
class _Stored:
    asked: dict[str, str]  # the request's values of what Vary names
    status: int
    body: bytes
    headers: dict[str, str]
    since: float


class HttpCache:
    """See the module. app: any ASGI application; it is asked in this process."""

    def __init__(self, app: Any, clock: VirtualClock) -> None:
        self._app, self._clock = app, clock
        self._stored: dict[str, list[_Stored]] = {}

    def get(self, path: str, **headers: str) -> Answered:
        """A GET. headers: names with _ for -."""
        asked = {name.lower().replace("_", "-"): value for name, value in headers.items()}
        kept = self._stored.setdefault(path, [])
        found = next((s for s in kept if all(asked.get(n, "") == v for n, v in s.asked.items())), None)
        if found is not None and self._clock.time() - found.since < lifetime(found.headers):
            return Answered(found.status, found.body, "cache", 0, found.headers)
        tag = found.headers.get("etag") if found is not None else None
        status, got, body = self._ask(path, {**asked, **({"if-none-match": tag} if tag else {})})
        if found is not None and status == 304:
            found.headers.update(got)
            found.since = self._clock.time()
            return Answered(found.status, found.body, "cache, asked", len(body), found.headers)
        if found is not None:
            kept.remove(found)
        if may_keep(got, "authorization" in asked):
            names = [n.strip().lower() for n in got.get("vary", "").split(",") if n.strip()]
            kept.append(_Stored({n: asked.get(n, "") for n in names}, status, body, got, self._clock.time()))
        return Answered(status, body, "app", len(body), got)

    def _ask(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        import httpx

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
                return await client.get(path, headers=headers)

        replies: list[httpx.Response] = []
        # A notebook has a loop of its own running in this thread.
        thread = threading.Thread(target=lambda: replies.append(asyncio.run(ask())))
        thread.start()
        thread.join()
        (reply,) = replies
        return reply.status_code, {k.lower(): v for k, v in reply.headers.items()}, reply.content


def directives(headers: dict[str, str]) -> dict[str, str]:
    """Cache-Control, read: {"public": "", "max-age": "60"}."""
    parts = [part.strip().partition("=") for part in headers.get("cache-control", "").lower().split(",")]
    return {name.strip(): value.strip().strip('"') for name, _, value in parts if name}


def lifetime(headers: dict[str, str]) -> float:
    """Seconds a shared cache may serve it without asking; 0 if it has to ask every time."""
    told = directives(headers)
    if "no-cache" in told:
        return 0.0
    value = told.get("s-maxage", told.get("max-age", ""))
    return float(value) if value.isdigit() else 0.0


def may_keep(headers: dict[str, str], authorized: bool) -> bool:
    """Whether a shared cache may store it: RFC 9111, sections 3 and 3.5."""
    told = directives(headers)
    if told.keys() & {"no-store", "private"} or "*" in headers.get("vary", ""):
        return False
    if authorized and not told.keys() & {"public", "s-maxage", "must-revalidate"}:
        return False
    return lifetime(headers) > 0 or "etag" in headers
