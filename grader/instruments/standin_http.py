"""The HTTP of a stand-in: its requests and responses, its servers, and clients that time out without waiting."""

from __future__ import annotations

import json
import socket
import socketserver
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, urlsplit

from grader.instruments.clock import VirtualClock

if TYPE_CHECKING:
    import httpx

LARGEST_REQUEST = 1_000_000  # bytes
_OURS = "stand-in-client"  # request header: this client knows how to time out without waiting
_TIMED_OUT = 599


@dataclass(frozen=True)
class Request:
    """method, path without query, headers in lower case, body bytes; query and form values are the first given."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    caller: str

    def json(self) -> Any:
        """The body as JSON, None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def form(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(self.body.decode("utf-8", "replace")).items()}


@dataclass(frozen=True)
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> Response:
        """A JSON response."""
        names = {k.replace("_", "-"): v for k, v in headers.items()}
        return cls(status, json.dumps(value).encode(), {"content-type": "application/json", **names})


class Exchanging(Protocol):
    """What a handler knows of its stand-in. open_sockets: those of its clients. timeout_takes: virtual seconds."""

    clock: VirtualClock
    timeout_takes: float
    open_sockets: set[socket.socket]

    def exchange(self, request: Request) -> Response | None: ...


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers die here on purpose; nothing to print."""


class TcpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """As above."""


def handler(standin: Exchanging, caller: str) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            standin.open_sockets.add(self.connection)

        def finish(self) -> None:
            standin.open_sockets.discard(self.connection)
            super().finish()

        def address_string(self) -> str:
            return caller

        def log_message(self, format: str, *args: Any) -> None:
            """The journal is the log."""

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._any
            raise AttributeError(name)

        def _any(self) -> None:
            try:
                size = int(self.headers.get("content-length") or 0)
            except ValueError:
                size = -1
            if not 0 <= size <= LARGEST_REQUEST:
                self.close_connection = True
                self._send(Response.of({"error": "request too large"}, 413))
                return
            url = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(url.query, keep_blank_values=True).items()}
            headers = {k.lower(): v for k, v in self.headers.items()}
            request = Request(self.command, url.path, query, headers, self.rfile.read(size), caller)
            response = standin.exchange(request)
            if response is not None:
                self._send(response)
            elif _OURS in headers:
                standin.clock.advance(standin.timeout_takes)
                self._send(Response(_TIMED_OUT))
            else:
                self.close_connection = True

        def _send(self, response: Response) -> None:
            lines = [f"HTTP/1.1 {response.status} -"]
            lines += [f"{k}: {v}" for k, v in response.headers.items()]
            lines.append(f"content-length: {len(response.body)}")
            head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
            self.wfile.write(head + (b"" if self.command == "HEAD" else response.body))

    return Handler


def client(path: str, base_url: str = "http://provider.test", **settings: Any) -> httpx.Client:
    """An httpx client for the worker, bound to a stand-in's socket (no TLS there, so no certificates are loaded)."""
    import httpx

    class Transport(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            request.headers[_OURS] = "1"
            response = super().handle_request(request)
            if response.status_code == _TIMED_OUT:
                response.close()
                raise httpx.ReadTimeout("timed out", request=request)
            return response

    return httpx.Client(
        transport=Transport(uds=path, verify=False), base_url=base_url, trust_env=False, **settings
    )


def async_client(path: str, base_url: str = "http://provider.test", **settings: Any) -> httpx.AsyncClient:
    """The asynchronous twin of `client`."""
    import httpx

    class Transport(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            request.headers[_OURS] = "1"
            response = await super().handle_async_request(request)
            if response.status_code == _TIMED_OUT:
                await response.aclose()
                raise httpx.ReadTimeout("timed out", request=request)
            return response

    return httpx.AsyncClient(
        transport=Transport(uds=path, verify=False), base_url=base_url, trust_env=False, **settings
    )
