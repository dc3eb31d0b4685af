"""A caller of the learner's app: httpx over the app's unix socket, with every reply bounded and described.

See `grader.instruments.serve` for the whole picture; these names may be imported from there too.
"""

from __future__ import annotations

import json as jsonlib
import socket
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grader.instruments.steps import Journal
from grader.instruments.watched_app import RAISED, one_line

if TYPE_CHECKING:
    import httpx

LARGEST_BODY = 1_000_000  # bytes


@dataclass(frozen=True)
class Exchange:
    """What came back over HTTP. ended: "" | "timeout" | "broken" (no complete reply)."""

    method: str
    path: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case; repeated ones joined by ", "
    body: bytes = b""
    ended: str = ""
    truncated: bool = False  # the body went on beyond what is read
    cookies: tuple[str, ...] = ()  # raw Set-Cookie values
    raised: str = field(default="", compare=False)  # the exception that the app let out, in words

    @property
    def ok(self) -> bool:
        return not self.ended and 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON, None if it is no JSON or truncated."""
        if self.truncated:
            return None
        try:
            return jsonlib.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def trouble(self) -> str:
        """What is wrong with the reply itself, in words; "" if nothing is."""
        if self.ended == "timeout":
            return f"{self.method} {self.path} was never answered"
        if self.ended:
            return f"{self.method} {self.path}: the connection closed before a complete reply"
        if self.truncated:
            return f"{self.method} {self.path} returned more than {len(self.body):,} bytes"
        if self.status >= 500:
            told = f"the app raised {self.raised}" if self.raised else self.text()
            return f"{self.method} {self.path} returned {self.status}{': ' + told if told else ''}"
        return ""

    def text(self) -> str:
        """The body, to be shown on one line."""
        return one_line(self.body[:2000].decode("utf-8", "replace"))

    def line(self) -> str:
        text = self.body.decode("utf-8", "replace")
        return self.ended or f"{self.status} {text if len(text) <= 60 else text[:59] + '…'}".strip()


class PendingExchange:
    """A request under way on a thread of its own; what an explorer's `Caller.begin` may return."""

    def __init__(self) -> None:
        self._future: Future[Exchange] = Future()
        self._here, self._there = socket.socketpair()

    def fileno(self) -> int:
        """Readable once it is done."""
        return self._here.fileno()

    def done(self) -> bool:
        return self._future.done()

    def result(self, timeout: float | None = None) -> Exchange:
        """Waits for the reply; the client's timeout ends it in any case."""
        return self._future.result(timeout)

    def settle(self, exchange: Exchange) -> None:
        self._future.set_result(exchange)
        self._there.close()

    def fail(self, error: BaseException) -> None:
        self._future.set_exception(error)
        self._there.close()


class AppClient:
    """A caller of the learner's app. Cookies are not kept unless `cookies=True`; redirects are not followed.

    timeout: seconds, a safety net and no judgement. journal: receives a note for each request and reply.
    """

    def __init__(
        self,
        path: str,
        *,
        name: str = "caller",
        base_url: str = "http://shop.test",
        journal: Journal | None = None,
        timeout: float = 10.0,
        largest: int = LARGEST_BODY,
        cookies: bool = False,
    ) -> None:
        import httpx

        self.name, self._journal, self._largest, self._keep = name, journal, largest, cookies
        # uvicorn closes a connection whose handler raised; a kept one would break the next request instead.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        transport = httpx.HTTPTransport(uds=path, limits=limits, verify=False)
        self.http = httpx.Client(transport=transport, base_url=base_url, timeout=timeout, trust_env=False)

    def request(self, method: str, path: str, **more: Any) -> Exchange:
        """Sends and waits. `more`: json, content, data, params, headers, cookies as in httpx."""
        self._note(f"{method} {path}{_worth_telling(more)}", "")
        exchange = self._send(method, path, more)
        self._note(f"{method} {path}", exchange.line())
        return exchange

    def start(self, method: str, path: str, **more: Any) -> PendingExchange:
        """Sends without waiting."""
        pending = PendingExchange()

        def run() -> None:
            try:
                pending.settle(self.request(method, path, **more))
            except BaseException as error:
                pending.fail(error)

        threading.Thread(target=run, name="caller", daemon=True).start()
        return pending

    def close(self) -> None:
        self.http.close()

    def __enter__(self) -> AppClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _note(self, text: str, result: str) -> None:
        if self._journal is not None:
            self._journal.note(self.name, text, result)

    def _send(self, method: str, path: str, more: dict[str, Any]) -> Exchange:
        import httpx

        request = self.http.build_request(method, path, **more)
        try:
            response = self.http.send(request, stream=True)
            try:
                return self._read(method, path, response)
            finally:
                response.close()
                if not self._keep:
                    self.http.cookies.clear()
        except httpx.TimeoutException:
            return Exchange(method, path, ended="timeout")
        except (httpx.TransportError, httpx.DecodingError):
            return Exchange(method, path, ended="broken")

    def _read(self, method: str, path: str, response: httpx.Response) -> Exchange:
        body = bytearray()
        truncated = False
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > self._largest:
                truncated = True
                break
        headers = {k.lower(): v for k, v in response.headers.items()}
        cookies = tuple(response.headers.get_list("set-cookie"))
        raised = _told(headers.pop(RAISED, ""))
        kept = bytes(body[: self._largest])
        return Exchange(method, path, response.status_code, headers, kept, "", truncated, cookies, raised)


def _told(header: str) -> str:
    """What the header says, whoever wrote it: text and nothing else."""
    try:
        return one_line(str(jsonlib.loads(header)), 240) if header else ""
    except (ValueError, RecursionError):
        return ""


def _worth_telling(more: dict[str, Any]) -> str:
    key = {k.lower(): v for k, v in dict(more.get("headers") or {}).items()}.get("idempotency-key")
    body = jsonlib.dumps(more["json"])[:60] if "json" in more else ""
    return (f" {body}" if body else "") + (f" (key {key})" if key else "")
