"""The learner's app, run for real: uvicorn on a unix socket in the worker, driven by httpx from outside.

In the worker, as driver source (all values that cross are JSON):

    from grader.instruments import serve as _serve
    def start_app(listener): return _serve.start(app, listener)     # {"ok": True, "reason": ""}
    def stop_app(path): return _serve.stop(path)                    # what was left behind, see `stop`

In the judge:

    started = worker.call("start_app", Resource("listener", path))  # reason: why it did not start, one sentence
    with AppClient(path, journal=journal) as caller:
        reply = caller.request("POST", "/v1/payments", json={...}, headers={"Idempotency-Key": "k"})
        reply.status, reply.headers["etag"], reply.json()    # bodies are read up to `largest` bytes
        calls = [caller.start("GET", "/slow") for _ in range(50)]
        [c.result() for c in calls]                          # real concurrency

Start-up and shut-down (lifespan) are honoured; `start` returns when the app accepts connections or has failed.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
import threading
from pathlib import Path
from typing import Any

from grader.instruments.callers import AppClient, Exchange, PendingExchange
from grader.instruments.watched_app import Watched, sentence

__all__ = ["AppClient", "Exchange", "PendingExchange", "socket_in", "start", "stop"]

START_WITHIN = 10.0  # seconds, a safety net
STOP_WITHIN = 2.0  # what has not ended by then swallows cancellation or blocks its loop
GRACE = 0.25  # seconds for requests under way at the end; only an app that hangs uses them up
_TASKS_OF_UVICORN = {"_Running._serve", "LifespanOn.main", "RequestResponseCycle.run_asgi"}


class _Running:
    """One app on one socket, on a thread and an event loop of its own."""

    def __init__(
        self, app: Any, where: str | socket.socket, threads_before: set[threading.Thread] | None = None
    ) -> None:
        import uvicorn

        self.watched = Watched(app)
        self.reason = ""
        self.ready = threading.Event()
        self.threads_before = threads_before or set(threading.enumerate())
        self.tasks_left: list[str] = []
        self.loop: asyncio.AbstractEventLoop | None = None
        self.end: asyncio.Event | None = None
        running = self

        class Server(uvicorn.Server):
            def install_signal_handlers(self) -> None:
                """Signals belong to the worker."""

            async def startup(self, sockets: Any = None) -> None:
                await super().startup(sockets)
                running.loop, running.end = asyncio.get_running_loop(), asyncio.Event()
                running.ready.set()

            async def main_loop(self) -> None:
                await self.on_tick(0)
                assert running.end is not None
                await running.end.wait()  # uvicorn would look ten times a second

        config = uvicorn.Config(
            self.watched,
            uds=where if isinstance(where, str) else None,
            interface="asgi3",
            lifespan="auto",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=GRACE,  # type: ignore[arg-type]
            loop="asyncio",
        )
        self.sockets = None if isinstance(where, str) else [where]
        self.server = Server(config)
        self.thread = threading.Thread(target=self._run, name="app", daemon=True)

    def start(self) -> str:
        """The reason it did not start, "" if it did."""
        self.thread.start()
        if not self.ready.wait(START_WITHIN):
            self.server.should_exit = True
            return f"the app was not ready within {START_WITHIN:g} seconds: its start-up waits for something"
        if self.reason or not self.server.started:
            told = self.watched.lifespan_error or self.reason or "it stopped without a reason"
            return f"the app failed to start: {told}"
        return ""

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self.reason = self.reason or sentence(error)
        finally:
            self.ready.set()

    async def _serve(self) -> None:
        import contextlib

        with contextlib.suppress(asyncio.CancelledError):
            await self.server._serve(self.sockets)  # serve() would take over the signals
        left = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        self.tasks_left = sorted(getattr(t.get_coro(), "__qualname__", t.get_name())[:80] for t in left)

    def _strangers(self) -> list[threading.Thread]:
        ours = {"app", "MainThread"}
        return [t for t in threading.enumerate() if t not in self.threads_before and t.name not in ours]

    def works_apart(self) -> bool:
        """Whether threads, tasks or timers may still do something for the app when no request is under way."""
        me = threading.current_thread()
        if any(t is not me and not t.name.startswith("AnyIO worker") for t in self._strangers()):
            return True
        if self.loop is None:
            return False
        running = {getattr(t.get_coro(), "__qualname__", "") for t in asyncio.all_tasks(self.loop)}
        if running - _TASKS_OF_UVICORN:
            return True
        # What call_later was given, but for uvicorn's own patience with open connections.
        timers = [t for t in getattr(self.loop, "_scheduled", ()) if not t.cancelled()]
        return any("keep_alive" not in getattr(t._callback, "__name__", "") for t in timers)

    def stop(self) -> dict[str, Any]:
        if self.loop is not None and self.end is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.end.set)
        self.thread.join(STOP_WITHIN)
        hangs = self.thread.is_alive()
        strangers = [t.name[:80] for t in self._strangers()]
        return {
            "stopped": not hangs,
            "hangs": hangs,  # swallows cancellation, or blocks its event loop; the worker must be killed
            "requests_under_way": self.watched.under_way,
            "tasks_left": self.tasks_left,
            "threads_left": sorted(n for n in strangers if not n.startswith(("AnyIO worker", "asyncio_"))),
            "shutdown_error": self.watched.lifespan_error,
            "errors": self.watched.errors,
        }


_running: dict[str, _Running] = {}


def start(
    app: Any, where: str | socket.socket, threads_before: set[threading.Thread] | None = None
) -> dict[str, Any]:
    """Serves `app` on a listening unix socket, or on a new one at a path. {"ok": bool, "reason": one sentence if not}.

    threads_before: those that were there before the app was built; all others are the app's.
    """
    reason = _why_no_app(app)
    if not reason:
        if isinstance(where, str):
            Path(where).unlink(missing_ok=True)
        path = where if isinstance(where, str) else where.getsockname()
        running = _Running(app, where, threads_before)
        reason = running.start()
        if not reason:
            _running[path] = running
    return {"ok": not reason, "reason": reason}


def stop(path: str) -> dict[str, Any]:
    """Shuts the app down and says what it left behind.

    {"stopped", "hangs": bool, "requests_under_way": int, "tasks_left", "threads_left": names,
    "shutdown_error": text, "errors": [{"path", "type", "message", "line"}] that handlers let out}
    """
    running = _running.pop(path, None)
    if running is None:
        return {
            "stopped": True,
            "hangs": False,
            "requests_under_way": 0,
            "tasks_left": [],
            "threads_left": [],
        }
    report = running.stop()
    if running.sockets is None:
        Path(path).unlink(missing_ok=True)
    return report


def _why_no_app(app: Any) -> str:
    if not callable(app):
        return f"`app` is {_article(type(app).__name__)}, not an application: bind `app = FastAPI()`"
    if inspect.isclass(app):
        return f"`app` is the class {app.__name__}, not an instance: bind `app = {app.__name__}()`"
    call = app if inspect.isfunction(app) else type(app).__call__
    try:
        wanted = [p for p in inspect.signature(call).parameters.values() if p.default is p.empty]
    except (TypeError, ValueError):
        return ""
    if not any(p.kind is p.VAR_POSITIONAL for p in wanted):
        count = len(wanted) - (0 if inspect.isfunction(app) else 1)
        if count != 3:
            return "`app` is no ASGI application: bind `app = FastAPI()`"
    return ""


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def socket_in(folder: Path | str, name: str = "app") -> str:
    """A socket path in `folder` for `start`; raises ValueError where the path is too long for a socket."""
    path = os.path.join(str(folder), f"{name}.sock")
    if len(path.encode()) > 100:
        raise ValueError(f"{path} is too long for a socket: use a shorter folder")
    return path
